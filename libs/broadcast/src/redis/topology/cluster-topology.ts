import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { BrokerUnavailableError } from '../../errors.js';
import { addressText, parseAddress } from '../client/address.js';
import type { Address } from '../../broker-url.js';
import { Connection } from '../client/connection.js';
import { SLOTS, tagInSlot, tagSlot } from './key-slot.js';
import type { Keyspace } from '../keyspace.js';
import { RedisNode, type NodeEvents } from './redis-node.js';
import type { Topology } from './topology.js';
import type { RedisSettings } from '../url.js';

const INTERVAL = 1_000;
const TIMEOUT = 1_000;
/** ms between two checks, at least. */
const SPACING = 50;

interface View {
  /** The cluster's epoch, as this node knows it. */
  readonly age: number;
  readonly primaries: readonly { readonly address: Address; readonly ranges: readonly (readonly [number, number])[] }[];
  /** The slots that are moving from or to this node. */
  readonly moving: readonly number[];
}

/** The primaries of a cluster. Every second it asks them for the assignment of slots. */
export class ClusterTopology implements Topology {
  readonly #settings: RedisSettings;
  readonly #keyspace: Keyspace;
  readonly #pod: string;
  readonly #events: NodeEvents;
  readonly #onChange: () => void;
  readonly #stop = new AbortController();
  readonly #nodes = new Map<string, RedisNode>();
  readonly #probeTags = new Map<RedisNode, string>();
  readonly #closing = new Set<Promise<void>>();
  #slots: (RedisNode | undefined)[] = [];
  #moving: ReadonlySet<number> = new Set();
  #age = 0;
  #problem: string | undefined = 'not connected yet';
  #seedProblem = '';
  #running: Promise<void> | undefined;
  #wake: () => void = () => {};

  /** @param onChange called when other nodes serve some slots. */
  constructor(settings: RedisSettings, keyspace: Keyspace, pod: string, events: NodeEvents, onChange: () => void) {
    this.#settings = settings;
    this.#keyspace = keyspace;
    this.#pod = pod;
    this.#events = events;
    this.#onChange = onChange;
  }

  get nodes(): Iterable<RedisNode> {
    return this.#nodes.values();
  }

  get problem(): string | undefined {
    if (this.#problem !== undefined) return this.#problem;
    for (const node of this.#nodes.values()) {
      if (node.problem !== undefined) return node.problem;
    }
    return undefined;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
    for (const node of this.#nodes.values()) this.#discard(node);
    await Promise.all(this.#closing);
  }

  nodeOf(tag: string): RedisNode | undefined {
    return this.#slots[tagSlot(tag)];
  }

  redirect(target: string): RedisNode | undefined {
    const address = parseAddress(target);
    return address && this.#nodes.get(addressText(address));
  }

  isMoving(tag: string): boolean {
    return this.#moving.size > 0 && this.#moving.has(tagSlot(tag));
  }

  refresh(): void {
    this.#wake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await this.#check().catch((error: unknown) => this.#events.onFault(error));
      if (signal.aborted) return;
      await sleep(SPACING);
      const pause = new AbortController();
      await Promise.race([woken, sleep(INTERVAL, undefined, { signal: pause.signal }).catch(() => undefined)]);
      pause.abort();
    }
  }

  async #check(): Promise<void> {
    const views = await this.#views();
    if (this.#stop.signal.aborted) return;
    this.#moving = new Set(views.flatMap(({ moving }) => moving));
    const [latest] = views.toSorted((one, other) => other.age - one.age);
    if (latest === undefined) {
      this.#problem = `no node of the cluster answers: ${this.#seedProblem}`;
      return;
    }
    // A node that was isolated for a while has an outdated view.
    if (latest.age < this.#age) return;
    this.#age = latest.age;
    this.#adopt(latest);
  }

  async #views(): Promise<View[]> {
    const known = [...this.#nodes.values()].flatMap(({ commands: { connection } }) => connection ?? []);
    const views = await Promise.all(known.map(async (connection) => viewOf(connection).catch(() => undefined)));
    const answered = views.filter((view) => view !== undefined);
    if (answered.length > 0) return answered;
    // No known node is left to contradict: it may even be another cluster by now.
    this.#age = 0;
    return this.#viewOfSeeds();
  }

  async #viewOfSeeds(): Promise<View[]> {
    const { credentials, tls, addresses } = this.#settings;
    const replicas = [...this.#nodes.keys()].flatMap((name) => parseAddress(name) ?? []);
    for (const address of [...addresses, ...replicas]) {
      if (this.#stop.signal.aborted) return [];
      try {
        const connection = await Connection.open({ address, credentials, db: 0, tls });
        try {
          return [await viewOf(connection)];
        } finally {
          connection.close();
        }
      } catch (error) {
        // The next seed may answer.
        this.#seedProblem = error instanceof Error ? error.message : this.#seedProblem;
      }
    }
    return [];
  }

  #adopt({ primaries }: View): void {
    const slots: (RedisNode | undefined)[] = Array.from({ length: SLOTS });
    const kept = new Set<RedisNode>();
    let served = 0;
    for (const { address, ranges } of primaries) {
      const node = this.#node(address);
      kept.add(node);
      this.#probeTags.set(node, tagInSlot(ranges[0]?.[0] ?? 0));
      for (const [first, last] of ranges) {
        slots.fill(node, first, last + 1);
        served += last - first + 1;
      }
    }
    const changed = slots.some((node, slot) => node !== this.#slots[slot]);
    this.#slots = slots;
    this.#problem = served < SLOTS ? 'not all slots of the cluster are served' : undefined;
    for (const node of this.#nodes.values()) if (!kept.has(node)) this.#discard(node);
    if (changed) this.#onChange();
  }

  #node(address: Address): RedisNode {
    const name = addressText(address);
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const node: RedisNode = new RedisNode({
      settings: this.#settings,
      keyspace: this.#keyspace,
      pod: this.#pod,
      events: this.#events,
      locate: async () => address,
      probeTag: () => this.#probeTags.get(node),
      isReplaced: async () => false,
    });
    this.#nodes.set(name, node);
    node.start();
    return node;
  }

  #discard(node: RedisNode): void {
    for (const [name, other] of this.#nodes) if (other === node) this.#nodes.delete(name);
    this.#probeTags.delete(node);
    const closing = node.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

const slotSchema = z
  .int()
  .min(0)
  .max(SLOTS - 1);
const serverSchema = z.tuple([z.string().nullable(), z.int().min(1).max(65_535)], z.unknown());
const viewSchema = z.tuple([
  z.array(z.tuple([slotSchema, slotSchema, serverSchema], z.unknown())),
  z.string(),
  z.string(),
]);

async function viewOf(connection: Connection): Promise<View> {
  const answers = await Promise.all([
    connection.send(TIMEOUT, 'cluster', 'slots'),
    connection.send(TIMEOUT, 'cluster', 'info'),
    connection.send(TIMEOUT, 'cluster', 'nodes'),
  ]);
  const { success, data } = viewSchema.safeParse(answers);
  if (!success) throw new BrokerUnavailableError(`${connection.name}: the cluster's view does not match the schema`);
  const [slots, info, nodes] = data;
  const asked = parseAddress(connection.name)?.host ?? '';
  const ranges = new Map<string, { address: Address; ranges: [number, number][] }>();
  for (const [first, last, [host, port]] of slots) {
    // A node that does not know its own address leaves it empty: it is the address of this connection.
    const address = { host: host === '' || host === null ? asked : host, port };
    const name = addressText(address);
    const entry = ranges.get(name) ?? { address, ranges: [] };
    entry.ranges.push([first, last]);
    ranges.set(name, entry);
  }
  const age = Number(/cluster_current_epoch:(\d+)/.exec(info)?.[1] ?? 0);
  const own = nodes.split('\n').find((line) => line.includes('myself')) ?? '';
  const moving = [...own.matchAll(/\[(\d+)-[<>]-/g)].map(([, slot]) => Number(slot));
  return { age, primaries: [...ranges.values()], moving };
}
