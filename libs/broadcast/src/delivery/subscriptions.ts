import { setTimeout as sleep } from 'node:timers/promises';
import type { Position, StreamOptions } from '../broker.js';
import { BrokerUnavailableError } from '../errors.js';
import type { ChannelStream, ChannelStreamContext } from './channel-feed.js';
import type { Connection } from '../redis/client/connection.js';
import { brokerError, REDIRECTIONS, RedisReplyError } from '../redis/client/errors.js';
import { parseMessage } from '../redis/pubsub/message.js';
import { CALL_TIMEOUT } from '../redis/topology/router.js';
import { Subscription } from './subscription.js';
import type { Topology } from '../redis/topology/topology.js';
import { keptFor, type Touches } from '../redis/pubsub/attachments.js';

/** ms for which a subscription outlives its last subscriber, so that leaving and coming back costs little. */
const LINGER = 3_000;
/** ms between two turns. */
const TICK = 1_000;
/**
 * Turns until a channel is compared after its last message: one that was lost is noticed by then, unless the next message
 * shows it first. An idle channel is not compared: nothing comes there that could be lost.
 */
const CHECK_TURNS = 30;
/** Turns that a message may be behind the answer to its publisher on this pod. */
const OWN_TURNS = 2;
/** The part of the time for which the server keeps a position after which it is asked to keep it on: with jitter. */
const RENEWAL = [0.2, 0.45] as const;
/** How many are compared at a time. */
const CHUNK = 200;
const RETRY_PAUSE = 40;
/** ms in which notices of moved slots are gathered: there is one for each channel. */
const MOVED_PAUSE = 50;

/** ms in which every pod has noticed, by its heartbeat, that the server has lost members, and brought its own back. */
const PRESENCE_SETTLING = 6_000;

/** The channels that this pod is subscribed to, on whichever connection serves them now. */
export class Subscriptions {
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #topology: Topology;
  readonly #touches: Touches;
  readonly #context: ChannelStreamContext;
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;
  readonly #doubted = new Set<Connection>();
  #movedTimer: NodeJS.Timeout | undefined;
  #attaching: Promise<void> | undefined;
  #attachAgain = false;
  /** Whether some could not be asked for their positions. */
  #hasFailed = false;
  #closed = false;

  constructor(topology: Topology, touches: Touches, context: ChannelStreamContext) {
    this.#topology = topology;
    this.#touches = touches;
    this.#context = context;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), TICK);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#movedTimer);
    for (const { linger, stream } of this.#subscriptions.values()) {
      clearTimeout(linger);
      stream.end();
    }
    this.#subscriptions.clear();
  }

  stream(channel: string): ChannelStream | undefined {
    return this.#subscriptions.get(channel)?.stream;
  }

  /**
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  async subscribe(channel: string, options: StreamOptions): Promise<Position> {
    const deadline = performance.now() + CALL_TIMEOUT;
    const subscription = this.#subscriptions.get(channel) ?? this.#add(channel, options);
    return subscription.inOrder(async () => this.#begin(subscription, options, deadline));
  }

  async unsubscribe(channel: string): Promise<void> {
    const subscription = this.#subscriptions.get(channel);
    await subscription?.inOrder(async () => {
      subscription.stream.active = false;
      this.#lingerOn(subscription);
    });
  }

  receive(connection: Connection, channel: string, text: string): void {
    const subscription = this.#subscriptions.get(channel);
    // One that was given up may still have something to say.
    if (subscription?.connection !== connection) return;
    const { stream } = subscription;
    const message = parseMessage(text);
    const { events } = this.#context;
    if (message === undefined) events.onInvalid('message', channel);
    else if (message.kind === 'publication') {
      subscription.checkDue = this.#turn + CHECK_TURNS;
      stream.receive(message.epoch, message.publication);
    } else if (stream.active) {
      if (message.kind === 'join') events.onJoin(channel, message.member);
      else events.onLeave(channel, message.member);
    }
  }

  /** A publisher on this pod was answered so: its message comes as well, or was lost. */
  published(channel: string, position: Position): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return;
    subscription.stream.published(position);
    if (subscription.stream.isBehind(position)) {
      subscription.checkDue = Math.min(subscription.checkDue, this.#turn + OWN_TURNS);
    }
  }

  /** Subscribes where it has to be, whatever is not subscribed there yet, and compares the positions. */
  attach(): void {
    if (this.#attaching !== undefined) {
      this.#attachAgain = true;
      return;
    }
    this.#attaching = this.#attachAll().finally(() => {
      this.#attaching = undefined;
      if (!this.#attachAgain) return;
      this.#attachAgain = false;
      this.attach();
    });
  }

  /** Compares every position with the server's. */
  compareAll(): void {
    this.#compareSoon([...this.#subscriptions.values()]);
  }

  /** The server has lost members, and with them who has left. */
  doubtPresence(): void {
    for (const subscription of this.#subscriptions.values()) subscription.doubtPresence(PRESENCE_SETTLING);
  }

  /** Some subscriptions on this connection may have been ended by the server. */
  doubt(connection: Connection): void {
    this.#doubted.add(connection);
    if (this.#movedTimer !== undefined || this.#closed) return;
    this.#movedTimer = setTimeout(() => {
      this.#movedTimer = undefined;
      for (const subscription of this.#subscriptions.values()) {
        if (subscription.connection && this.#doubted.has(subscription.connection)) subscription.doubtful = true;
      }
      this.#doubted.clear();
      this.#topology.refresh();
      this.attach();
    }, MOVED_PAUSE);
  }

  #add(channel: string, options: StreamOptions): Subscription {
    const subscription = new Subscription(channel, options, this.#context);
    this.#subscriptions.set(channel, subscription);
    return subscription;
  }

  async #begin(subscription: Subscription, options: StreamOptions, deadline: number): Promise<Position> {
    const { channel, stream } = subscription;
    clearTimeout(subscription.linger);
    // It may have ended while this waited for its turn.
    this.#subscriptions.set(channel, subscription);
    subscription.options = options;
    stream.options = options;
    try {
      const position = await this.#ask(subscription, deadline);
      this.#renewLater(subscription, position);
      if (!stream.active && !continues(stream.position, position)) {
        // What came since then is handed out by this very call: it follows the position that is answered.
        stream.begin(position);
        return position;
      }
      if (stream.active) await inTime(stream.reconcile(position), deadline);
      stream.active = true;
      return stream.position ?? position;
    } catch (error) {
      if (!stream.active) this.#lingerOn(subscription);
      throw brokerError(error);
    }
  }

  #lingerOn(subscription: Subscription): void {
    clearTimeout(subscription.linger);
    if (this.#closed) return;
    subscription.linger = setTimeout(() => {
      // One that could not be ended is no longer listened to, all the same.
      subscription.inOrder(async () => this.#end(subscription)).catch(() => undefined);
    }, LINGER);
  }

  async #end(subscription: Subscription): Promise<void> {
    const { channel, stream } = subscription;
    // It may have begun again while this waited for its turn.
    if (stream.active || this.#subscriptions.get(channel) !== subscription) return;
    this.#subscriptions.delete(channel);
    stream.end();
    await this.#touches.release(subscription);
  }

  /** Follows the slot where it moves. */
  async #ask(subscription: Subscription, deadline: number): Promise<Position> {
    for (;;) {
      try {
        return await this.#touches.ask(subscription, true);
      } catch (error) {
        const isRedirected = error instanceof RedisReplyError && REDIRECTIONS.has(error.code);
        if (!isRedirected || performance.now() + RETRY_PAUSE > deadline) throw error;
        await sleep(RETRY_PAUSE);
      }
    }
  }

  async #attachAll(): Promise<void> {
    const missing: Subscription[] = [];
    for (const subscription of this.#subscriptions.values()) {
      const connection = this.#topology.nodeOf(subscription.channel)?.subscriber.connection;
      if (connection === undefined) continue;
      if (subscription.connection !== connection || subscription.doubtful) missing.push(subscription);
    }
    await this.#compare(missing);
  }

  async #compare(subscriptions: readonly Subscription[]): Promise<void> {
    for (let start = 0; start < subscriptions.length; start += CHUNK) {
      const chunk = subscriptions.slice(start, start + CHUNK);
      await Promise.all(chunk.map(async (subscription) => this.#compareOne(subscription)));
    }
  }

  #compareSoon(subscriptions: readonly Subscription[]): void {
    this.#compare(subscriptions).catch(() => (this.#hasFailed = true));
  }

  async #compareOne(subscription: Subscription): Promise<void> {
    subscription.checkDue = Infinity;
    subscription.leaseDue = Infinity;
    try {
      const position = await this.#present(subscription);
      this.#renewLater(subscription, position);
      const { stream } = subscription;
      if (stream.isBehind(position)) {
        // What it has not heard of, it may not be subscribed to any more.
        subscription.doubtful = true;
        this.#hasFailed = true;
      }
      // Not awaited: one that takes long does not hold up the others.
      stream.reconcile(position).catch(() => (this.#hasFailed = true));
    } catch (error) {
      this.#hasFailed = true;
      subscription.checkDue = this.#turn + CHECK_TURNS;
      if (error instanceof RedisReplyError) this.#topology.refresh();
    }
  }

  #renewLater(subscription: Subscription, position: Position): void {
    const [least, most] = RENEWAL;
    const wait = keptFor(position, subscription.options) * (least + Math.random() * (most - least));
    subscription.leaseDue = this.#turn + Math.floor(wait / TICK);
  }

  async #present(subscription: Subscription): Promise<Position> {
    try {
      return await this.#touches.ask(subscription, false);
    } catch (error) {
      if (!(error instanceof RedisReplyError) || error.code !== 'ASK') throw error;
      return this.#touches.askElsewhere(subscription);
    }
  }

  #tick(): void {
    this.#turn += 1;
    const due: Subscription[] = [];
    for (const subscription of this.#subscriptions.values()) {
      const { channel, checkDue, leaseDue } = subscription;
      if (checkDue <= this.#turn || leaseDue <= this.#turn || this.#topology.isMoving(channel)) due.push(subscription);
    }
    this.#compareSoon(due);
    this.#tellPresenceGaps();
    if (!this.#hasFailed) return;
    this.#hasFailed = false;
    this.attach();
  }

  /** Some at a time: each has its list read by this pod. */
  #tellPresenceGaps(): void {
    let told = 0;
    for (const subscription of this.#subscriptions.values()) {
      if ((subscription.presenceGapAt ?? Infinity) > performance.now()) continue;
      subscription.presenceGapAt = undefined;
      if (!subscription.stream.active) continue;
      this.#context.events.onPresenceGap(subscription.channel);
      told += 1;
      if (told === CHUNK) return;
    }
  }
}

/** Whether what was handed out in silence reaches up to the server's position. */
function continues(reached: Position | undefined, position: Position): boolean {
  return reached !== undefined && reached.epoch === position.epoch && reached.offset >= position.offset;
}

/** @throws BrokerUnavailableError when it takes too long. */
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
