import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelMember, Position, StoredPublication, StreamOptions } from '../broker.js';
import { STEP_TIMEOUT } from '../call-deadlines.js';
import { BrokerUnavailableError } from '../errors.js';
import type { Attachments } from './attachments.js';
import type { ChannelFeed, FeedContext } from './channel-feed.js';
import { Subscription } from './subscription.js';

/** A message on a channel. */
export type ChannelMessage =
  | { readonly kind: 'publication'; readonly epoch: string; readonly publication: StoredPublication }
  | { readonly kind: 'join' | 'leave'; readonly member: ChannelMember };

/** ms for which a subscription outlives its last subscriber, so that leaving and returning is cheap. */
const LINGER = 3_000;
/** ms between two turns. */
const TICK = 1_000;
/**
 * Turns after the last publication until a channel's position is compared: a lost publication is noticed by then, unless the
 * next one reveals it first. An idle channel is not compared, as nothing can be lost there.
 */
const CHECK_TURNS = 30;
/** Turns by which a publication may arrive later than the answer to its publisher on this pod. */
const OWN_TURNS = 2;
/** The part of a position's retention after which it is renewed, with jitter between these two. */
const RENEWAL = [0.2, 0.45] as const;
/** How many positions are compared at a time. */
const CHUNK = 200;
/** ms in which notices of moved channels are collected: there is one for each channel. */
const MOVED_PAUSE = 50;

/** ms in which the heartbeat of every pod has noticed that the server has lost members, and the pods have restored theirs. */
const PRESENCE_SETTLING = 6_000;

/** The channels that this pod is subscribed to, each attached to the source that serves it now. */
export class Subscriptions<Source extends object> {
  readonly #subscriptions = new Map<string, Subscription<Source>>();
  readonly #attachments: Attachments<Source>;
  readonly #context: FeedContext;
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;
  readonly #doubtfulSources = new Set<Source>();
  #movedTimer: NodeJS.Timeout | undefined;
  #reattaching: Promise<void> | undefined;
  #reattachAgain = false;
  /** Whether the positions of some channels could not be compared. */
  #hasFailed = false;
  #closed = false;

  constructor(attachments: Attachments<Source>, context: FeedContext) {
    this.#attachments = attachments;
    this.#context = context;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), TICK);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#movedTimer);
    for (const { linger, feed } of this.#subscriptions.values()) {
      clearTimeout(linger);
      feed.end();
    }
    this.#subscriptions.clear();
  }

  feed(channel: string): ChannelFeed | undefined {
    return this.#subscriptions.get(channel)?.feed;
  }

  /**
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  async subscribe(channel: string, options: StreamOptions): Promise<Position> {
    const deadline = performance.now() + STEP_TIMEOUT;
    const subscription = this.#subscriptions.get(channel) ?? this.#add(channel, options);
    return subscription.inOrder(async () => this.#begin(subscription, options, deadline));
  }

  async unsubscribe(channel: string): Promise<void> {
    const subscription = this.#subscriptions.get(channel);
    await subscription?.inOrder(async () => {
      subscription.feed.active = false;
      this.#lingerOn(subscription);
    });
  }

  /** @param message undefined for a message that cannot be read. */
  receive(source: Source, channel: string, message: ChannelMessage | undefined): void {
    const subscription = this.#subscriptions.get(channel);
    // A replaced source may still deliver messages.
    if (subscription?.source !== source) return;
    const { feed } = subscription;
    const { events } = this.#context;
    if (message === undefined) events.onInvalid('message', channel);
    else if (message.kind === 'publication') {
      subscription.checkDue = this.#turn + CHECK_TURNS;
      feed.receive(message.epoch, message.publication);
    } else if (feed.active) {
      if (message.kind === 'join') events.onJoin(channel, message.member);
      else events.onLeave(channel, message.member);
    }
  }

  /** A publish on this pod has returned this position: its message arrives as well, or is lost. */
  published(channel: string, position: Position): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return;
    subscription.feed.published(position);
    if (subscription.feed.isBehind(position)) {
      subscription.checkDue = Math.min(subscription.checkDue, this.#turn + OWN_TURNS);
    }
  }

  /** Attaches the channels that are not attached to the source that serves them now, and compares their positions. */
  reattach(): void {
    if (this.#reattaching !== undefined) {
      this.#reattachAgain = true;
      return;
    }
    this.#reattaching = this.#reattachAll().finally(() => {
      this.#reattaching = undefined;
      if (!this.#reattachAgain) return;
      this.#reattachAgain = false;
      this.reattach();
    });
  }

  /** Compares every position with the server's. */
  compareAll(): void {
    this.#compareSoon([...this.#subscriptions.values()]);
  }

  /** The server has lost members, and with them the information who has left. */
  doubtPresence(): void {
    for (const subscription of this.#subscriptions.values()) subscription.doubtPresence(PRESENCE_SETTLING);
  }

  /** The server may have detached some channels from this source. */
  doubt(source: Source): void {
    this.#doubtfulSources.add(source);
    if (this.#movedTimer !== undefined || this.#closed) return;
    this.#movedTimer = setTimeout(() => {
      this.#movedTimer = undefined;
      for (const subscription of this.#subscriptions.values()) {
        if (subscription.source && this.#doubtfulSources.has(subscription.source)) subscription.isDoubtful = true;
      }
      this.#doubtfulSources.clear();
      this.#attachments.refresh();
      this.reattach();
    }, MOVED_PAUSE);
  }

  #add(channel: string, options: StreamOptions): Subscription<Source> {
    const subscription = new Subscription<Source>(channel, options, this.#context);
    this.#subscriptions.set(channel, subscription);
    return subscription;
  }

  async #begin(subscription: Subscription<Source>, options: StreamOptions, deadline: number): Promise<Position> {
    const { channel, feed } = subscription;
    clearTimeout(subscription.linger);
    // It may have ended while this call waited for its turn.
    this.#subscriptions.set(channel, subscription);
    subscription.options = options;
    feed.options = options;
    try {
      const position = await this.#attachments.attach(subscription, deadline);
      this.#renewLater(subscription, position);
      if (!feed.active && !hasReached(feed.position, position)) {
        // This call also delivers what has arrived since: it follows the position that is returned.
        feed.begin(position);
        return position;
      }
      if (feed.active) await inTime(feed.reconcile(position), deadline);
      feed.active = true;
      return feed.position ?? position;
    } catch (error) {
      if (!feed.active) this.#lingerOn(subscription);
      throw error;
    }
  }

  #lingerOn(subscription: Subscription<Source>): void {
    clearTimeout(subscription.linger);
    if (this.#closed) return;
    subscription.linger = setTimeout(() => {
      // Even if it fails, the messages of this channel are ignored from now on.
      subscription.inOrder(async () => this.#end(subscription)).catch(() => undefined);
    }, LINGER);
  }

  async #end(subscription: Subscription<Source>): Promise<void> {
    const { channel, feed } = subscription;
    // It may have begun again while this waited for its turn.
    if (feed.active || this.#subscriptions.get(channel) !== subscription) return;
    this.#subscriptions.delete(channel);
    feed.end();
    await this.#attachments.detach(subscription);
  }

  async #reattachAll(): Promise<void> {
    const missing: Subscription<Source>[] = [];
    for (const subscription of this.#subscriptions.values()) {
      const source = this.#attachments.sourceOf(subscription.channel);
      if (source === undefined) continue;
      if (subscription.source !== source || subscription.isDoubtful) missing.push(subscription);
    }
    await this.#compare(missing);
  }

  async #compare(subscriptions: readonly Subscription<Source>[]): Promise<void> {
    for (let start = 0; start < subscriptions.length; start += CHUNK) {
      const chunk = subscriptions.slice(start, start + CHUNK);
      await Promise.all(chunk.map(async (subscription) => this.#compareOne(subscription)));
    }
  }

  #compareSoon(subscriptions: readonly Subscription<Source>[]): void {
    this.#compare(subscriptions).catch(() => (this.#hasFailed = true));
  }

  async #compareOne(subscription: Subscription<Source>): Promise<void> {
    subscription.checkDue = Infinity;
    subscription.leaseDue = Infinity;
    try {
      const position = await this.#attachments.position(subscription);
      this.#renewLater(subscription, position);
      const { feed } = subscription;
      if (feed.isBehind(position)) {
        // The channel may have been detached: publications have not arrived.
        subscription.isDoubtful = true;
        this.#hasFailed = true;
      }
      // Not awaited: a slow repair does not delay the others.
      feed.reconcile(position).catch(() => (this.#hasFailed = true));
    } catch {
      this.#hasFailed = true;
      subscription.checkDue = this.#turn + CHECK_TURNS;
    }
  }

  #renewLater(subscription: Subscription<Source>, position: Position): void {
    const [least, most] = RENEWAL;
    const kept = this.#attachments.keptFor(position, subscription.options);
    const wait = kept * (least + Math.random() * (most - least));
    subscription.leaseDue = this.#turn + Math.floor(wait / TICK);
  }

  #tick(): void {
    this.#turn += 1;
    const due: Subscription<Source>[] = [];
    for (const subscription of this.#subscriptions.values()) {
      const { channel, checkDue, leaseDue } = subscription;
      if (checkDue <= this.#turn || leaseDue <= this.#turn || this.#attachments.isMoving(channel)) {
        due.push(subscription);
      }
    }
    this.#compareSoon(due);
    this.#reportPresenceGaps();
    if (!this.#hasFailed) return;
    this.#hasFailed = false;
    this.reattach();
  }

  /** Reports a limited number at a time: for each of them this pod reads a list of members. */
  #reportPresenceGaps(): void {
    let reported = 0;
    for (const subscription of this.#subscriptions.values()) {
      if ((subscription.presenceGapAt ?? Infinity) > performance.now()) continue;
      subscription.presenceGapAt = undefined;
      if (!subscription.feed.active) continue;
      this.#context.events.onPresenceGap(subscription.channel);
      reported += 1;
      if (reported === CHUNK) return;
    }
  }
}

/** Whether what was processed while nobody was subscribed reaches up to the server's position. */
function hasReached(reached: Position | undefined, position: Position): boolean {
  return reached !== undefined && reached.epoch === position.epoch && reached.offset >= position.offset;
}

/** @throws BrokerUnavailableError if it takes too long. */
async function inTime(work: Promise<void>, deadline: number): Promise<void> {
  const timeout = new AbortController();
  const late = sleep(Math.max(deadline - performance.now(), 1), 'late' as const, { signal: timeout.signal }).catch(
    () => undefined,
  );
  try {
    if ((await Promise.race([work, late])) === 'late')
      throw new BrokerUnavailableError('the channel is being repaired');
  } finally {
    timeout.abort();
  }
}
