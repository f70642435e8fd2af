import {
  UNPUBLISHED_TTL,
  type BrokerEvents,
  type History,
  type HistoryQuery,
  type Position,
  type StreamOptions,
} from '../broker.js';
import type { Expiring } from './expiry-queue.js';
import { pageOf, PublicationLog } from '../delivery/publication-log.js';

/** A channel's stream, from its first use until its position expires. */
export class Stream implements Expiring {
  readonly log = new PublicationLog();
  offset = 0;
  subscribers: readonly BrokerEvents[] = [];
  slice = Infinity;

  constructor(
    readonly channel: string,
    readonly epoch: string,
    public options: StreamOptions,
    /** When it was last published to or unsubscribed from. */
    public lastUse: number,
  ) {}

  get position(): Position {
    return { epoch: this.epoch, offset: this.offset };
  }

  /** When the next part of it is to be forgotten, `Infinity` while there is none. */
  get expires(): number {
    const { oldest } = this.log;
    if (oldest !== undefined) return oldest.time + this.options.historyTtl;
    if (this.subscribers.length > 0) return Infinity;
    const { positionTtl } = this.options;
    return this.lastUse + (this.offset > 0 ? positionTtl : Math.min(positionTtl, UNPUBLISHED_TTL));
  }

  /** Trims what was kept for long enough. Returns how many publications that were. */
  trim(now: number): number {
    return this.log.trim(this.options.historySize, now - this.options.historyTtl);
  }

  history({ since, limit, maxBytes, reverse = false }: HistoryQuery): History {
    const { epoch, offset } = this;
    const oldest = this.log.oldest?.offset ?? offset + 1;
    if (since === undefined || since.epoch !== epoch || since.offset > offset) {
      const publications = pageOf(this.#page(oldest, offset, limit, reverse), maxBytes);
      return { epoch, offset, publications, complete: since === undefined };
    }
    if (reverse) {
      const last = since.offset - 1;
      return {
        epoch,
        offset,
        publications: pageOf(this.#page(oldest, last, limit, reverse), maxBytes),
        complete: last < 1 || last >= oldest,
      };
    }
    const first = since.offset + 1;
    const publications = pageOf(this.#page(first, offset, limit, reverse), maxBytes);
    return { epoch, offset, publications, complete: first >= oldest };
  }

  #page(first: number, last: number, limit: number, reverse: boolean): History['publications'] {
    if (reverse) return this.log.range(Math.max(first, last - limit + 1), last).toReversed();
    const start = Math.max(first, this.log.oldest?.offset ?? 0);
    return this.log.range(start, Math.min(last, start + limit - 1));
  }
}
