import {
  UNPUBLISHED_TTL,
  type BrokerEvents,
  type History,
  type HistoryQuery,
  type Position,
  type StreamOptions,
} from '../broker.js';
import type { Expiring } from './expiry-queue.js';
import { queriedRange } from '../delivery/completeness.js';
import { pageOf, PublicationLog } from '../delivery/publication-log.js';

/** The stream of a channel, from its first use until its position expires. */
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

  /** When the next part of it expires, `Infinity` if nothing does. */
  get expires(): number {
    const { oldest } = this.log;
    if (oldest !== undefined) return oldest.time + this.options.historyTtl;
    if (this.subscribers.length > 0) return Infinity;
    const { positionTtl } = this.options;
    return this.lastUse + (this.offset > 0 ? positionTtl : Math.min(positionTtl, UNPUBLISHED_TTL));
  }

  /** Drops expired publications. Returns how many. */
  trim(now: number): number {
    return this.log.trim(this.options.historySize, now - this.options.historyTtl);
  }

  history({ since, limit, maxBytes, reverse = false }: HistoryQuery): History {
    const { epoch, offset } = this;
    const oldest = this.log.oldest?.offset ?? offset + 1;
    const { first, last, complete } = queriedRange({ since, reverse }, { epoch, offset, oldest });
    const page = reverse
      ? this.log.range(Math.max(first, last - limit + 1), last).toReversed()
      : this.log.range(first, Math.min(last, first + limit - 1));
    return { epoch, offset, publications: pageOf(page, maxBytes), complete };
  }
}
