import type { Message, Position, SubscribeReply } from '@holdfast/protocol';

/**
 * Why something of a channel is lost: the gateway told of a `gap` (or an offset was skipped without a word), or what
 * was missed while away could not be replayed.
 */
export type GapReason = 'gap' | 'not_recovered';

export interface HandoverSink {
  message(message: Message): void;
  /** Something before `position` is lost. What comes next follows it. */
  gap(position: Position, reason: GapReason): void;
}

/** How many epochs that were left are remembered. Frames of the last may be on their way, of those before hardly. */
const LEFT_EPOCHS = 8;

/** A channel's stream as it arrives on one connection. */
export interface Feed {
  /** Where the stream on this connection is. */
  position: Position;
  /** Messages wait while another feed may still bring what lies before `position`. */
  held: Message[] | undefined;
  readonly conflated: boolean;
}

/**
 * Hands a channel's messages to the application once and in order, though two connections may bring them while a
 * client moves. What is lost is told before anything that follows it; in doubt it is told although it may not be lost.
 */
export class Handover {
  readonly #sink: HandoverSink;
  #feeds: Feed[] = [];
  #position: Position | undefined;
  /** How far the epochs before went: a feed may still be in one of them. */
  readonly #left = new Map<string, number>();

  constructor(sink: HandoverSink, since: Position | undefined) {
    this.#sink = sink;
    this.#position = since;
  }

  /** The last position that was handed over, or that a gap named. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Begins a feed with the gateway's reply to a subscribe that asked for what followed `since`. */
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
      // What is missing here may be on its way elsewhere, unless the gateway is behind what we asked for.
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

  /** The gateway told that something before `position` is lost on this feed. */
  gap(feed: Feed, position: Position): void {
    // Where another feed brought what came before, nothing is lost.
    const isLost = this.#isAt(feed.position) || !this.#reaches(position);
    feed.position = position;
    // What was held came before the gap: the application has it from elsewhere, or is told now.
    feed.held = undefined;
    if (isLost) this.#lose(position, 'gap');
    this.#release();
  }

  /** Ends a feed: its connection is gone, or the subscription on it. */
  end(feed: Feed): void {
    this.#feeds = this.#feeds.filter((other) => other !== feed);
    const [last, ...others] = this.#feeds;
    if (last === undefined || others.length > 0) return;
    // What this one lacks, no other brings any more.
    if (last.held === undefined) this.#adopt(last);
    else this.#lose(last.position, 'not_recovered');
    this.#release();
  }

  /** Goes on where the only feed is, which may be in another epoch. */
  #adopt(feed: Feed): void {
    if (!this.#reaches(feed.position)) this.#lose(feed.position, 'gap');
  }

  #hold(feed: Feed): void {
    feed.held = [];
    this.#release();
  }

  /** Lets held messages go once everything before them was handed over. */
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
    // Another feed is in another epoch already, and this one will be told of it.
    if (handed?.epoch !== epoch || message.offset <= handed.offset) return;
    // The gateway promises that this does not happen; should it, it must not go unnoticed.
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
      // Back in an epoch that was left, what was handed over in it is not handed over again.
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
