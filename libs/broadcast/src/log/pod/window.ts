import type { History, HistoryQuery, StoredPublication } from '../../broker.js';
import { queriedRange } from '../../delivery/completeness.js';
import { pageOf, PublicationLog } from '../../delivery/publication-log.js';
import type { ChannelState } from '../fold/channel-table.js';

/** Bytes that a publication takes in addition to those in its channel's log. */
const OVERHEAD = 100;
/** Forgotten places in the queue before it is copied. */
const SLACK = 4_096;

/** The recent publications of all channels, in memory under one budget: the oldest ones go first, whatever their channel. */
export class Window {
  readonly #maxBytes: number;
  readonly #maxAge: number;
  #bytes = 0;
  /** All publications in the order in which they came, also those that their channel does not keep any more. */
  #channels: ChannelState[] = [];
  #offsets: number[] = [];
  #times: number[] = [];
  #head = 0;

  /** @param maxAge ms for which a publication is kept at most. */
  constructor(maxBytes: number, maxAge: number) {
    this.#maxBytes = maxBytes;
    this.#maxAge = maxAge;
  }

  /** Bytes in use, approximately. */
  get bytes(): number {
    return this.#bytes;
  }

  append(channel: ChannelState, publication: StoredPublication): void {
    if (channel.first > publication.offset) return this.#trim(channel, publication.time);
    channel.publications ??= new PublicationLog();
    const { bytes } = channel.publications;
    channel.publications.append(publication);
    this.#bytes += channel.publications.bytes - bytes + OVERHEAD;
    this.#channels.push(channel);
    this.#offsets.push(publication.offset);
    this.#times.push(publication.time);
    this.#trim(channel, publication.time);
    this.#evict(publication.time);
  }

  /** A channel is gone. */
  drop({ publications }: ChannelState): void {
    if (publications === undefined) return;
    this.#release(publications, 0, Infinity);
  }

  /**
   * What is known of a channel's history.
   *
   * @param now log time.
   */
  history(channel: ChannelState, epoch: string, query: HistoryQuery, now: number): History {
    const { since, limit, maxBytes, reverse = false } = query;
    const { offset } = channel;
    this.#trim(channel, now);
    const { publications } = channel;
    const oldest = publications?.oldestOffset ?? offset + 1;
    const { first, last, complete } = queriedRange({ since, reverse }, { epoch, offset, oldest });
    const page = reverse
      ? publications?.range(Math.max(first, last - limit + 1), last).toReversed()
      : publications?.range(first, Math.min(last, first + limit - 1));
    return { epoch, offset, publications: pageOf(page ?? [], maxBytes), complete };
  }

  #trim(channel: ChannelState, now: number): void {
    if (channel.publications === undefined) return;
    const { offset, first, stream } = channel;
    this.#release(channel.publications, offset - first + 1, now - stream.historyTtl);
  }

  #release(publications: PublicationLog, size: number, time: number): void {
    const { bytes } = publications;
    const dropped = publications.trim(size, time);
    this.#bytes -= bytes - publications.bytes + OVERHEAD * dropped;
  }

  #evict(now: number): void {
    for (;;) {
      const channel = this.#channels[this.#head];
      const time = this.#times[this.#head];
      if (channel === undefined || time === undefined) break;
      const { publications } = channel;
      const isKept = publications?.oldestOffset === this.#offsets[this.#head];
      const isNeeded = this.#bytes <= this.#maxBytes && time > now - this.#maxAge;
      if (isKept && isNeeded) break;
      if (isKept && publications !== undefined) this.#release(publications, publications.length - 1, -Infinity);
      this.#head += 1;
    }
    if (this.#head < SLACK || this.#head < this.#channels.length / 2) return;
    this.#channels = this.#channels.slice(this.#head);
    this.#offsets = this.#offsets.slice(this.#head);
    this.#times = this.#times.slice(this.#head);
    this.#head = 0;
  }
}
