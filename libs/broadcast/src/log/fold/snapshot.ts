import { NO_ERA } from '../records/records.js';
import { ByteReader, ByteWriter, InvalidBytesError } from '../records/bytes.js';
import { readStream, writeStream } from '../records/record-codec.js';
import type { LogOffset } from '../log-adapter.js';
import { ChannelState } from './channel-table.js';
import { Fold, type FoldOptions } from './fold.js';
import type { Versioned } from './generations.js';
import { Group } from './holder-table.js';
import type { KnownKey } from './key-table.js';
import type { PodState } from './pod-table.js';

/** Never changed, and never used again for something else. */
const ITEMS = { head: 0, channel: 1, key: 2, member: 3, connection: 4 } as const;

/** Added to what may be negative. */
const BIAS = 2 ** 45;

/**
 * Writes the state of a partition as of now, in parts and in steps, while the state goes on changing. A new era has to end it: what
 * it would still have to copy is gone then.
 */
export class SnapshotWriter {
  readonly asOf: LogOffset;
  readonly #fold: Fold;
  readonly #partSize: number;
  readonly #to = new ByteWriter();
  readonly #pods: readonly PodState[];
  readonly #indexes: ReadonlyMap<PodState, number>;
  readonly #time: number;
  readonly #items: Iterator<Versioned>;
  #parts: Buffer[] = [];

  constructor(fold: Fold, partSize: number) {
    this.#fold = fold;
    this.#partSize = partSize;
    this.asOf = fold.at;
    this.#time = fold.time.now;
    this.#pods = [...fold.pods.all];
    this.#indexes = new Map(this.#pods.map((pod, index) => [pod, index]));
    this.#writeHead();
    this.#items = everything(fold);
    fold.generations.begin((item) => this.#copy(item));
  }

  /** Copies some more. @returns whether everything is copied. */
  step(count: number): boolean {
    const { generations } = this.#fold;
    for (let copied = 0; copied < count; copied += 1) {
      const { done, value } = this.#items.next();
      if (done === true) {
        generations.end();
        if (this.#to.length > 0) this.#parts.push(this.#to.take());
        return true;
      }
      generations.touch(value);
    }
    return false;
  }

  /** The parts that are complete, and have not been taken before. */
  take(): Buffer[] {
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  /** Ends it without a result. */
  abort(): void {
    this.#fold.generations.end();
  }

  #writeHead(): void {
    const to = this.#to;
    const { era, eraAt, partitions, policy, rules, digest } = this.#fold;
    to.byte(ITEMS.head);
    to.text(era);
    to.uint(eraAt);
    to.uint(partitions);
    to.text(policy);
    to.uint(rules);
    to.uint(this.#time);
    to.uint(digest.hash);
    to.uint(this.#pods.length);
    for (const { id, number, lead, seen, isDead, rules: known } of this.#pods) {
      to.text(id);
      to.uint(number);
      to.uint(lead + BIAS);
      to.uint(seen);
      to.byte(isDead ? 1 : 0);
      to.uint(known);
    }
  }

  #copy(item: Versioned): void {
    if (item instanceof ChannelState) this.#writeChannel(item);
    else if (item instanceof Group) this.#writeGroup(item);
    else this.#writeKey(item as KnownKey);
    if (this.#to.length >= this.#partSize) this.#parts.push(this.#to.take());
  }

  #writeChannel(channel: ChannelState): void {
    if (channel.expires <= this.#time) return;
    const to = this.#to;
    to.byte(ITEMS.channel);
    to.text(channel.name);
    to.uint(channel.offset);
    to.uint(channel.first);
    to.uint(channel.published);
    to.uint(channel.used);
    to.uint(channel.beganAt);
    to.uint(channel.beganIndex);
    writeStream(to, channel.stream);
    to.uint(channel.openCount);
    if (channel.openCount === 0) return;
    for (const [index, pod] of this.#pods.entries()) if (pod.opened.has(channel)) to.uint(index);
  }

  #writeKey(key: KnownKey): void {
    if (key.expires <= this.#time) return;
    const to = this.#to;
    to.byte(ITEMS.key);
    to.text(key.id);
    to.text(key.fingerprint);
    to.uint(key.beganAt);
    to.uint(key.beganIndex);
    to.uint(key.offset);
    to.uint(key.expires);
  }

  #writeGroup({ name, held }: Group<unknown>): void {
    const { members, connections } = this.#fold;
    const to = this.#to;
    if (members.map.get(name)?.held === held) {
      for (const { value, holder, pod, since } of members.get(name)?.values() ?? []) {
        to.byte(ITEMS.member);
        for (const text of [name, value.client, value.details, holder]) to.text(text);
        this.#writeOwner(pod, since);
      }
    } else {
      for (const { value, pod, since } of connections.get(name)?.values() ?? []) {
        to.byte(ITEMS.connection);
        for (const text of [name, value.client, value.holder, value.node]) to.text(text);
        to.uint(value.since);
        this.#writeOwner(pod, since);
      }
    }
  }

  #writeOwner(pod: PodState, since: number): void {
    this.#to.uint(this.#indexes.get(pod) ?? this.#pods.length);
    this.#to.uint(since);
  }
}

function* everything({ channels, keys, members, connections }: Fold): Generator<Versioned> {
  yield* channels.map.values();
  yield* keys.map.values();
  yield* members.map.values();
  yield* connections.map.values();
}

/**
 * The state that a snapshot contains.
 *
 * @param parts all of them, in order.
 * @throws InvalidBytesError
 */
export function restoreSnapshot(parts: readonly Uint8Array[], asOf: LogOffset, options: FoldOptions = {}): Fold {
  const fold = new Fold(options);
  const pods: PodState[] = [];
  for (const part of parts) {
    const from = new ByteReader(part);
    while (!from.isAtEnd) readItem(from, fold, pods);
  }
  if (fold.era === NO_ERA) throw new InvalidBytesError('the snapshot has no beginning');
  fold.at = asOf;
  return fold;
}

function readItem(from: ByteReader, fold: Fold, pods: PodState[]): void {
  const type = from.byte();
  const { current: generation } = fold.generations;
  switch (type) {
    case ITEMS.head: {
      fold.era = from.text();
      fold.eraAt = from.uint();
      fold.partitions = from.uint();
      fold.setPolicy(from.text());
      fold.setRules(from.uint());
      fold.time.restore(from.uint());
      fold.digest.restore(from.uint());
      for (let count = from.uint(); count > 0; count -= 1) pods.push(readPod(from, fold));
      return;
    }
    case ITEMS.channel: {
      const [name, offset, first, published, used] = [from.text(), from.uint(), from.uint(), from.uint(), from.uint()];
      const channel = new ChannelState(name, from.uint(), from.uint(), readStream(from), used, generation);
      Object.assign(channel, { offset, first, published, openCount: from.uint() });
      for (let count = channel.openCount; count > 0; count -= 1) podAt(pods, from.uint()).opened.add(channel);
      fold.channels.restore(channel);
      return;
    }
    case ITEMS.key: {
      const [id, fingerprint, beganAt, beganIndex] = [from.text(), from.text(), from.uint(), from.uint()];
      const [offset, expires] = [from.uint(), from.uint()];
      fold.keys.restore({ id, fingerprint, beganAt, beganIndex, offset, expires, generation });
      return;
    }
    case ITEMS.member: {
      const [channel, client, details, holder] = [from.text(), from.text(), from.text(), from.text()];
      const [pod, since] = [podAt(pods, from.uint()), from.uint()];
      fold.members.set(channel, client, { value: { client, details }, holder, pod, since });
      return;
    }
    case ITEMS.connection: {
      const [user, client, holder, node, began] = [from.text(), from.text(), from.text(), from.text(), from.uint()];
      const [pod, since] = [podAt(pods, from.uint()), from.uint()];
      const value = { client, holder, user, node, since: began };
      fold.connections.set(user, client, { value, holder, pod, since });
      return;
    }
    default:
      throw new InvalidBytesError('a snapshot contains something unknown');
  }
}

function readPod(from: ByteReader, fold: Fold): PodState {
  const pod = fold.pods.named(from.text());
  pod.number = from.uint();
  pod.lead = from.uint() - BIAS;
  pod.seen = from.uint();
  pod.isDead = from.byte() === 1;
  pod.rules = from.uint();
  return pod;
}

function podAt(pods: readonly PodState[], index: number): PodState {
  const pod = pods[index];
  if (pod === undefined) throw new InvalidBytesError('a snapshot names a pod that it does not contain');
  return pod;
}
