import type {
  Broker,
  BrokerCapabilities,
  BrokerEvents,
  BrokerHealth,
  ChannelsQuery,
  RegisteredConnection,
  History,
  HistoryQuery,
  ChannelMember,
  MemberList,
  MembersQuery,
  MembershipChange,
  Position,
  PublishRequest,
  PublishResult,
  StreamOptions,
} from '../broker.js';
import type { BrokerStats } from '../broker-stats.js';
import { BrokerUnavailableError } from '../errors.js';
import { shieldedEvents } from '../shielded-events.js';
import { MemoryStore } from './memory-store.js';
import { sortedPage } from '../sorted-page.js';

/** ms between two sweeps. */
const SWEEP_INTERVAL = 100;

/** Steps of one sweep: a few milliseconds of work at most. */
const SWEEP_STEPS = 5_000;

/**
 * Steps of the sweep that each publish takes. A publish causes at most two visits of its stream (the history expires, then the
 * position) and one of its key, so that expired entries never pile up, however fast clients publish.
 */
const PUBLISH_STEPS = 2;

/** Steps of the sweep that a publish takes if the store is full. */
const FULL_STEPS = 100;

/** How long the broker counts as down after it refused a publish, in ms: room that comes and goes is one outage. */
const FULL_FOR = 5_000;

const FULL = 'the memory broker is full';
const NOT_RUNNING = 'the memory broker is not running';

/** Keeps everything in this process. Several brokers on one store are like pods on one server. */
export class MemoryBroker implements Broker {
  readonly capabilities: BrokerCapabilities = {
    history: true,
    presence: true,
    idempotency: true,
    maxHistoryTtl: Infinity,
    maxKeyWindow: Infinity,
    maxPayload: Infinity,
    durablePositions: false,
    sharedHistory: false,
    plainMessages: false,
  };
  readonly #store: MemoryStore;
  readonly #subscribed = new Set<string>();
  #events: BrokerEvents | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #refusedAt = -Infinity;

  constructor(store = new MemoryStore()) {
    this.#store = store;
  }

  async start(events: BrokerEvents): Promise<void> {
    this.#events = shieldedEvents(events);
    this.#store.listeners.add(this.#events);
    this.#sweep = setInterval(() => this.#store.sweep(SWEEP_STEPS), SWEEP_INTERVAL).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    if (this.#events === undefined) return;
    const now = this.now();
    for (const channel of this.#subscribed) this.#store.streams.unsubscribe(channel, this.#events, now);
    this.#subscribed.clear();
    this.#store.listeners.delete(this.#events);
    this.#events = undefined;
  }

  health(): BrokerHealth {
    if (this.#events === undefined) return { status: 'down', reason: NOT_RUNNING };
    return this.now() - this.#refusedAt < FULL_FOR ? { status: 'down', reason: FULL } : { status: 'up' };
  }

  async stats(): Promise<BrokerStats> {
    const { size: bytes, maxSize: maxBytes } = this.#store;
    return { reconnects: 0, memory: { bytes, maxBytes }, log: undefined };
  }

  now(): number {
    return this.#store.now();
  }

  async subscribe(channel: string, stream: StreamOptions): Promise<Position> {
    const { position } = this.#store.streams.subscribe(channel, stream, this.#running(), this.now());
    this.#subscribed.add(channel);
    return position;
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#store.streams.unsubscribe(channel, this.#running(), this.now());
    this.#subscribed.delete(channel);
  }

  async publish({ channel, payload, stream: options, idempotency }: PublishRequest): Promise<PublishResult> {
    this.#running();
    const { streams, keys } = this.#store;
    const now = this.now();
    const known = idempotency && keys.find(channel, idempotency, now);
    if (known !== undefined) return { ...known, duplicate: true };
    if (this.#store.isFull) {
      this.#store.sweep(FULL_STEPS);
      if (this.#store.isFull) {
        this.#refusedAt = now;
        throw new BrokerUnavailableError(FULL);
      }
    }
    const [stream, publication] = streams.append(channel, payload, options, now);
    const { position } = stream;
    if (idempotency !== undefined) keys.add(channel, idempotency, position, now);
    for (const subscriber of stream.subscribers) subscriber.onPublication(channel, publication);
    this.#store.sweep(PUBLISH_STEPS);
    return { ...position, duplicate: false };
  }

  async history(channel: string, query: HistoryQuery): Promise<History> {
    this.#running();
    const { streams } = this.#store;
    const stream = streams.find(channel, this.now());
    if (stream !== undefined) return stream.history(query);
    // The epoch is not stored: reading must not use memory.
    return { epoch: streams.nextEpoch(), offset: 0, publications: [], complete: query.since === undefined };
  }

  async channels({ prefix = '', after = '', limit }: ChannelsQuery): Promise<readonly string[]> {
    this.#running();
    return sortedPage(this.#store.streams.subscribed, prefix, after, limit);
  }

  async join(channel: string, member: ChannelMember, holder: string): Promise<MembershipChange> {
    this.#running();
    const { presence, streams } = this.#store;
    const changed = presence.join(channel, member, holder);
    if (changed) for (const subscriber of streams.subscribers(channel)) subscriber.onJoin(channel, member);
    return { changed, count: presence.count(channel) };
  }

  async leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    this.#running();
    const { presence, streams } = this.#store;
    const member = presence.leave(channel, client, holder);
    if (member !== undefined)
      for (const subscriber of streams.subscribers(channel)) subscriber.onLeave(channel, member);
    return { changed: member !== undefined, count: presence.count(channel) };
  }

  async members(channel: string, query: MembersQuery): Promise<MemberList> {
    this.#running();
    return this.#store.presence.members(channel, query);
  }

  async register(connection: RegisteredConnection): Promise<void> {
    this.#running();
    this.#store.connections.register(connection);
  }

  async unregister(user: string, client: string, holder: string): Promise<void> {
    this.#running();
    this.#store.connections.unregister(user, client, holder);
  }

  async connections(user: string): Promise<readonly RegisteredConnection[]> {
    this.#running();
    return this.#store.connections.connections(user);
  }

  async signal(signal: string): Promise<void> {
    this.#running();
    for (const listener of this.#store.listeners) listener.onSignal(signal);
  }

  #running(): BrokerEvents {
    if (this.#events === undefined) throw new BrokerUnavailableError(NOT_RUNNING);
    return this.#events;
  }
}
