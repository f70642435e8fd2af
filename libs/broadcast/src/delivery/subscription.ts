import type { StreamOptions } from '../broker.js';
import { ChannelFeed, type FeedContext } from './channel-feed.js';

/** A channel that this pod is subscribed to, or was until recently. */
export class Subscription<Source> {
  readonly feed: ChannelFeed;
  /** Where the channel is attached, acknowledged or not. */
  source: Source | undefined;
  /** Whether the server may have detached it. */
  isDoubtful = false;
  linger: NodeJS.Timeout | undefined;
  /** The turn in which the position is due for comparison after a recent publication; `Infinity` if none is due. */
  checkDue = Infinity;
  /** The turn in which the position has to be kept from expiring. */
  leaseDue = Infinity;
  /** When to report that joins or leaves may have been lost, as {@link performance.now}. */
  presenceGapAt: number | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly channel: string,
    public options: StreamOptions,
    context: FeedContext,
  ) {
    this.feed = new ChannelFeed(channel, options, context);
  }

  /**
   * Joins or leaves may have been lost.
   *
   * @param duration ms for which more of them may be lost.
   */
  doubtPresence(duration: number): void {
    this.presenceGapAt = Math.max(this.presenceGapAt ?? 0, performance.now() + duration);
  }

  /** Runs steps one after the other. */
  async inOrder<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last.then(step);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
