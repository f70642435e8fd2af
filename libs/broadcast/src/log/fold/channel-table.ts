import { UNPUBLISHED_TTL, type StreamOptions } from '../../broker.js';
import type { PublicationLog } from '../../delivery/publication-log.js';
import type { Generations, Versioned } from './generations.js';
import type { PodState } from './pod-table.js';
import type { Place } from './place.js';

/** The stream of a channel, from its first use until its position expires. */
export class ChannelState implements Versioned {
  /** The last offset. */
  offset = 0;
  /** The first offset that is kept, as far as the number of publications decides. */
  first = 1;
  /** When the last publication was stored. */
  published = 0;
  /** How many pods subscribe to it. */
  openCount = 0;
  /** The publications that this pod has in memory. They are no part of the state that all pods agree on. */
  publications: PublicationLog | undefined;
  #epoch: string | undefined;

  constructor(
    readonly name: string,
    readonly beganAt: number,
    readonly beganIndex: number,
    public stream: StreamOptions,
    /** When it was last published to, subscribed to, or left by its last subscriber. */
    public used: number,
    public generation: number,
  ) {}

  /** By log time; `Infinity` while a pod subscribes to it. */
  get expires(): number {
    if (this.openCount > 0) return Infinity;
    const { positionTtl, historyTtl } = this.stream;
    const unused = this.used + (this.offset > 0 ? positionTtl : Math.min(positionTtl, UNPUBLISHED_TTL));
    return this.first <= this.offset ? Math.max(unused, this.published + historyTtl) : unused;
  }

  /** @param era of the partition. */
  epoch(era: string): string {
    this.#epoch ??= epochOf(era, this.beganAt, this.beganIndex);
    return this.#epoch;
  }
}

/** Names the record that began the stream. */
export function epochOf(era: string, beganAt: number, beganIndex: number): string {
  const at = `${era}.${beganAt.toString(36)}`;
  return beganIndex === 0 ? at : `${at}.${beganIndex.toString(36)}`;
}

/** The streams of all channels of a partition. */
export class ChannelTable {
  readonly #channels = new Map<string, ChannelState>();
  readonly #streams = new Map<string, StreamOptions>();
  readonly #generations: Generations;

  constructor(generations: Generations) {
    this.#generations = generations;
  }

  get map(): ReadonlyMap<string, ChannelState> {
    return this.#channels;
  }

  get(name: string, now: number): ChannelState | undefined {
    const channel = this.#channels.get(name);
    return channel !== undefined && channel.expires > now ? channel : undefined;
  }

  /** The channel, which begins here if it has no stream. */
  use(name: string, stream: StreamOptions, { offset, index, time }: Place): ChannelState {
    const options = this.#shared(stream);
    const found = this.#channels.get(name);
    // A snapshot of an earlier state needs a channel that has expired since then.
    if (found !== undefined) this.#generations.touch(found);
    if (found === undefined || found.expires <= time) {
      const begun = new ChannelState(name, offset, index, options, time, this.#generations.current);
      this.#channels.set(name, begun);
      return begun;
    }
    found.stream = options;
    found.used = time;
    this.#limit(found);
    return found;
  }

  publish(channel: ChannelState, time: number): void {
    channel.offset += 1;
    channel.published = time;
    this.#limit(channel);
  }

  open(channel: ChannelState, pod: PodState): void {
    if (pod.opened.has(channel)) return;
    this.#generations.touch(channel);
    pod.opened.add(channel);
    channel.openCount += 1;
  }

  close(channel: ChannelState, pod: PodState, time: number): void {
    if (!pod.opened.has(channel)) return;
    this.#generations.touch(channel);
    pod.opened.delete(channel);
    channel.openCount -= 1;
    if (channel.openCount === 0) channel.used = time;
  }

  closeAll(pod: PodState, time: number): void {
    for (const channel of pod.opened) this.close(channel, pod, time);
  }

  /** Everything that one pod subscribes to belongs to another one. */
  move(from: PodState, to: PodState): void {
    for (const channel of from.opened) {
      this.#generations.touch(channel);
      if (to.opened.has(channel)) channel.openCount -= 1;
      to.opened.add(channel);
    }
    from.opened.clear();
  }

  clear(): void {
    this.#channels.clear();
  }

  /** Restores a channel from a snapshot. */
  restore(channel: ChannelState): void {
    channel.stream = this.#shared(channel.stream);
    this.#channels.set(channel.name, channel);
  }

  /** Forgets what has expired, of some of the channels. */
  drop(channels: Iterable<ChannelState>, now: number): ChannelState[] {
    const dropped: ChannelState[] = [];
    for (const channel of channels) {
      if (channel.expires > now || this.#channels.get(channel.name) !== channel) continue;
      this.#generations.touch(channel);
      this.#channels.delete(channel.name);
      dropped.push(channel);
    }
    return dropped;
  }

  #limit(channel: ChannelState): void {
    channel.first = Math.max(channel.first, channel.offset - channel.stream.historySize + 1);
  }

  /** Most channels have the options of their namespace: one object for all of them. */
  #shared(stream: StreamOptions): StreamOptions {
    const id = `${stream.historySize} ${stream.historyTtl} ${stream.positionTtl}`;
    const known = this.#streams.get(id);
    if (known !== undefined) return known;
    if (this.#streams.size >= 1_000) this.#streams.clear();
    this.#streams.set(id, stream);
    return stream;
  }
}
