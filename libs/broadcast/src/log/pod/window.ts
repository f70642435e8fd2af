import type { History, HistoryQuery, StoredPublication } from '../../broker.js';
import { queriedRange } from '../../delivery/completeness.js';
import { pageOf, PublicationLog } from '../../delivery/publication-log.js';
import type { ChannelState } from '../fold/channel-table.js';

/** Bytes that a publication takes in addition to its payload. */
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
  #publications: StoredPublication[] = [];
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
    channel.publications.append(publication);
    this.#bytes += sizeOf(publication);
    this.#channels.push(channel);
    this.#publications.push(publication);
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
    const oldest = publications?.oldest?.offset ?? offset + 1;
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
    const { units, length } = publications;
    publications.trim(size, time);
    this.#bytes -= units - publications.units + OVERHEAD * (length - publications.length);
  }

  #evict(now: number): void {
    for (;;) {
      const publication = this.#publications[this.#head];
      const channel = this.#channels[this.#head];
      if (publication === undefined || channel === undefined) break;
      const { publications } = channel;
      const isKept = publications?.oldest === publication;
      const isNeeded = this.#bytes <= this.#maxBytes && publication.time > now - this.#maxAge;
      if (isKept && isNeeded) break;
      if (isKept && publications !== undefined) this.#release(publications, publications.length - 1, -Infinity);
      this.#head += 1;
    }
    if (this.#head < SLACK || this.#head < this.#publications.length / 2) return;
    this.#channels = this.#channels.slice(this.#head);
    this.#publications = this.#publications.slice(this.#head);
    this.#head = 0;
  }
}

function sizeOf({ payload }: StoredPublication): number {
  return payload.length + OVERHEAD;
}
