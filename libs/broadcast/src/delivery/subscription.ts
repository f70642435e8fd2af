import type { StreamOptions } from '../broker.js';
import { ChannelStream, type ChannelStreamContext } from './channel-feed.js';
import type { Connection } from '../redis/client/connection.js';

/** A channel that this pod is, or lately was, subscribed to. */
export class Subscription {
  readonly stream: ChannelStream;
  /** Where it was subscribed, acknowledged or not. */
  connection: Connection | undefined;
  /** Whether the server may have ended it by itself. */
  doubtful = false;
  linger: NodeJS.Timeout | undefined;
  /** The turn in which the position is to be compared, as something was published lately; `Infinity` otherwise. */
  checkDue = Infinity;
  /** The turn in which the position is to be kept from expiring. */
  leaseDue = Infinity;
  /** For {@link performance.now}: when it is to be told that joins or leaves may have been lost. */
  presenceGapAt: number | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    readonly channel: string,
    public options: StreamOptions,
    context: ChannelStreamContext,
  ) {
    this.stream = new ChannelStream(channel, options, context);
  }

  /** Joins or leaves may have been lost, and may be for so many ms more. */
  doubtPresence(duration: number): void {
    this.presenceGapAt = Math.max(this.presenceGapAt ?? 0, performance.now() + duration);
  }

  /** Runs one after the other. */
  async inOrder<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last.then(step);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
