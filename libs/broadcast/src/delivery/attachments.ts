import type { Position, StreamOptions } from '../broker.js';
import type { Subscription } from './subscription.js';

/**
 * Attaches channels to what delivers their messages.
 *
 * @typeParam Source delivers the messages of some channels, in order: a connection, for example. A lost source is replaced
 * by another one, and its channels have to be attached again.
 */
export interface Attachments<Source> {
  /** The source that serves a channel now, if there is one. */
  sourceOf(channel: string): Source | undefined;
  /** Whether a channel is moving to another source. Its position is then compared every second. */
  isMoving(channel: string): boolean;
  /** Checks soon whether channels have moved. */
  refresh(): void;
  /**
   * Attaches a channel to its source, sets how its history is kept, and returns its current position. Messages that the
   * source delivers after the result follow on from that position.
   *
   * @param deadline as {@link performance.now}.
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  attach(subscription: Subscription<Source>, deadline: number): Promise<Position>;
  /**
   * The current position, for comparison. Attaches the channel first if it is not attached, or if that is in doubt. Throws as
   * {@link attach} does.
   */
  position(subscription: Subscription<Source>): Promise<Position>;
  /** Never rejects: a server that cannot be reached forgets the channel by itself. */
  detach(subscription: Subscription<Source>): Promise<void>;
  /** ms for which the server keeps a position after it was last asked for it. */
  keptFor(position: Position, options: StreamOptions): number;
}
