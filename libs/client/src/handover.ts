import type { Message, Position, SubscribeReply } from '@holdfast/protocol';

/**
 * Why messages of a channel are lost: the gateway sent a `gap` (or an offset was skipped without one), or messages
 * missed while disconnected could not be replayed.
 */
export type GapReason = 'gap' | 'not_recovered';

export interface HandoverSink {
  message(message: Message): void;
  /** Messages before `position` are lost. The next message follows it. */
  gap(position: Position, reason: GapReason): void;
}

/** The number of previous epochs to remember. Frames of older ones are unlikely to arrive. */
const LEFT_EPOCHS = 8;

/** A channel's stream on one connection. */
export interface Feed {
  /** The position of the stream on this connection. */
  position: Position;
  /** Messages held back while another feed may still deliver earlier ones. */
  held: Message[] | undefined;
  readonly conflated: boolean;
}

/**
 * Delivers a channel's messages to the application once and in order, even if two connections receive them while a
 * client moves. A gap is reported before any message that follows it; in doubt a gap is reported although nothing may be lost.
 */
export class Handover {
  readonly #sink: HandoverSink;
  #feeds: Feed[] = [];
  #position: Position | undefined;
  /** The last delivered offset of previous epochs: a feed may still be in one of them. */
  readonly #left = new Map<string, number>();

  constructor(sink: HandoverSink, since: Position | undefined) {
    this.#sink = sink;
    this.#position = since;
  }

  /** The last position that was delivered or reported as a gap. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Opens a feed with the gateway's reply to a subscribe with `since`. */
  open(reply: SubscribeReply, since: Position | undefined): Feed {
    const start = { epoch: reply.epoch, offset: reply.offset - (reply.replay ?? 0) };
    const feed: Feed = { position: start, held: undefined, conflated: reply.conflated ?? false };
    const others = this.#feeds;
    this.#feeds = [...others, feed];

    if (this.#position === undefined) {
      this.#position = start;
    } else if (reply.recovered === true) {
      if (others.length === 0) this.#adopt(feed);
    } else if (this.#isAt(since) || !this.#reaches(start)) {
      // Another feed may still deliver the missing messages, unless the gateway is behind the requested position.
      const isBehind = since?.epoch === start.epoch && start.offset < since.offset;
      if (!isBehind && others.some(({ position }) => position.epoch === start.epoch)) this.#hold(feed);
      else this.#lose(start, 'not_recovered');
    }
    return feed;
  }

  message(feed: Feed, message: Message): void {
    if (feed.held !== undefined) {
      feed.held.push(message);
      return;
    }
    this.#accept(feed, message);
    this.#release();
  }

  /** The gateway reported that messages before `position` are lost on this feed. */
  gap(feed: Feed, position: Position): void {
    // If another feed has delivered everything before, nothing is lost.
    const isLost = this.#isAt(feed.position) || !this.#reaches(position);
    feed.position = position;
    // The held messages precede the gap: another feed has delivered them, or the gap covers them.
    feed.held = undefined;
    if (isLost) this.#lose(position, 'gap');
    this.#release();
  }

  /** Closes a feed, because its connection or the subscription on it has ended. */
  end(feed: Feed): void {
    this.#feeds = this.#feeds.filter((other) => other !== feed);
    const [last, ...others] = this.#feeds;
    if (last === undefined || others.length > 0) return;
    // No other feed can deliver the missing messages any more.
    if (last.held === undefined) this.#adopt(last);
    else this.#lose(last.position, 'not_recovered');
    this.#release();
  }

  /** Continues from the position of the only feed, which may be in another epoch. */
  #adopt(feed: Feed): void {
    if (!this.#reaches(feed.position)) this.#lose(feed.position, 'gap');
  }

  #hold(feed: Feed): void {
    feed.held = [];
    this.#release();
  }

  /** Delivers held messages once everything before them has been delivered. */
  #release(): void {
    for (const feed of this.#feeds) {
      const { held } = feed;
      if (held === undefined || !this.#reaches(feed.position)) continue;
      feed.held = undefined;
      for (const message of held) this.#accept(feed, message);
    }
  }

  #accept(feed: Feed, message: Message): void {
    const { epoch } = feed.position;
    feed.position = { epoch, offset: message.offset };
    const handed = this.#position;
    // Another feed has reached a new epoch, and this one will get a gap for it.
    if (handed?.epoch !== epoch || message.offset <= handed.offset) return;
    // The gateway guarantees that this does not happen; if it does, it must be noticed.
    if (message.offset > handed.offset + 1 && !feed.conflated) {
      this.#lose({ epoch, offset: message.offset - 1 }, 'gap');
    }
    this.#position = feed.position;
    this.#sink.message(message);
  }

  #isAt(position: Position | undefined): boolean {
    return this.#position?.epoch === position?.epoch && this.#position?.offset === position?.offset;
  }

  #reaches({ epoch, offset }: Position): boolean {
    return this.#position?.epoch === epoch && this.#position.offset >= offset;
  }

  #lose(position: Position, reason: GapReason): void {
    const from = this.#position;
    let { offset } = position;
    if (from !== undefined && from.epoch !== position.epoch) {
      // After a return to a previous epoch, do not deliver its messages again.
      offset = Math.max(offset, this.#left.get(position.epoch) ?? 0);
      this.#leave(from);
    }
    const to = { epoch: position.epoch, offset };
    this.#position = to;
    this.#sink.gap(to, reason);
  }

  #leave({ epoch, offset }: Position): void {
    this.#left.delete(epoch);
    this.#left.set(epoch, offset);
    const [oldest] = this.#left.keys();
    if (this.#left.size > LEFT_EPOCHS && oldest !== undefined) this.#left.delete(oldest);
  }
}
