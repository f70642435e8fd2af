import { ByteWriter } from '../records/bytes.js';
import { writeStream } from '../records/record-codec.js';
import type { LogOffset } from '../log-adapter.js';
import { ChannelState } from './channel-table.js';
import type { Fold } from './fold.js';
import type { Versioned } from './generations.js';
import { Group } from './holder-table.js';
import type { KnownKey } from './key-table.js';
import type { PodState } from './pod-table.js';
import { BIAS, ITEMS } from './snapshot-format.js';

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

  /** @param partSize bytes of a part; only one item that is larger exceeds it. */
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
  }

  /** Ends the part before the last item if that makes it too large. @param start where that item begins. */
  #cut(start: number): void {
    if (this.#to.length <= this.#partSize || start === 0) return;
    const all = this.#to.take();
    this.#parts.push(all.subarray(0, start));
    this.#to.bytes(all.subarray(start));
  }

  #writeChannel(channel: ChannelState): void {
    if (channel.expires <= this.#time) return;
    const to = this.#to;
    const start = to.length;
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
    if (channel.openCount > 0) {
      for (const [index, pod] of this.#pods.entries()) if (pod.opened.has(channel)) to.uint(index);
    }
    this.#cut(start);
  }

  #writeKey(key: KnownKey): void {
    if (key.expires <= this.#time) return;
    const to = this.#to;
    const start = to.length;
    to.byte(ITEMS.key);
    to.text(key.id);
    to.text(key.fingerprint);
    to.uint(key.beganAt);
    to.uint(key.beganIndex);
    to.uint(key.offset);
    to.uint(key.expires);
    this.#cut(start);
  }

  #writeGroup({ name, held }: Group<unknown>): void {
    const { members, connections } = this.#fold;
    const to = this.#to;
    if (members.map.get(name)?.held === held) {
      for (const { value, holder, pod, since } of members.get(name)?.values() ?? []) {
        const start = to.length;
        to.byte(ITEMS.member);
        for (const text of [name, value.client, value.details, holder]) to.text(text);
        this.#writeOwner(pod, since);
        this.#cut(start);
      }
    } else {
      for (const { value, pod, since } of connections.get(name)?.values() ?? []) {
        const start = to.length;
        to.byte(ITEMS.connection);
        for (const text of [name, value.client, value.holder, value.node]) to.text(text);
        to.uint(value.since);
        this.#writeOwner(pod, since);
        this.#cut(start);
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
