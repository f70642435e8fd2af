import { setTimeout as sleep } from 'node:timers/promises';
import { UNPUBLISHED_TTL, type Position, type StreamOptions } from '../../broker.js';
import { STEP_TIMEOUT } from '../../call-deadlines.js';
import type { Attachments } from '../../delivery/attachments.js';
import type { Subscription } from '../../delivery/subscription.js';
import { BrokerUnavailableError } from '../../errors.js';
import { sizeArgument, ttlArgument } from '../client/arguments.js';
import type { Connection } from '../client/connection.js';
import { brokerError, REDIRECTIONS, RedisReplyError } from '../client/errors.js';
import { positionIn, type RedisInput } from '../input.js';
import type { Keyspace } from '../keyspace.js';
import { SCRIPTS } from '../scripts/index.js';
import { tagSlot } from '../topology/key-slot.js';
import type { Router } from '../topology/router.js';
import type { Topology } from '../topology/topology.js';

/**
 * ms for which a position outlives a subscribed pod that died, at least. Long enough that keeping the positions of idle
 * channels costs almost nothing.
 */
const POSITION_LEASE = 14_400_000;
/** How many channels may be attached at a time before the server gets more time to answer. */
const FEW = 20;
/** ms for the answers to many; the server may be busy with several pods. */
const LONG_TIMEOUT = 5_000;
/** ms in which other pods reconnect as well, and restore their members. */
const SETTLING = 1_000;
/** ms before a redirected attachment is retried. */
const RETRY_PAUSE = 40;

interface Request {
  readonly subscription: Subscription<Connection>;
  /** Whether to set how the history is kept. */
  readonly begins: boolean;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Subscribes and asks for positions on the connection that the publications arrive on: what arrives after the answer follows
 * the position. All requests of one turn of the event loop leave in one write.
 */
export class RedisAttachments implements Attachments<Connection> {
  readonly #topology: Topology;
  readonly #router: Router;
  readonly #keyspace: Keyspace;
  readonly #nextEpoch: () => string;
  readonly #input: RedisInput;
  readonly #waiting = new Map<Connection, Request[]>();

  constructor(topology: Topology, router: Router, keyspace: Keyspace, input: RedisInput, nextEpoch: () => string) {
    this.#topology = topology;
    this.#input = input;
    this.#router = router;
    this.#keyspace = keyspace;
    this.#nextEpoch = nextEpoch;
  }

  sourceOf(channel: string): Connection | undefined {
    return this.#topology.nodeOf(channel)?.subscriber.connection;
  }

  isMoving(channel: string): boolean {
    return this.#topology.isMoving(channel);
  }

  refresh(): void {
    this.#topology.refresh();
  }

  /** Follows the slot if it moves. */
  async attach(subscription: Subscription<Connection>, deadline: number): Promise<Position> {
    for (;;) {
      try {
        return await this.#ask(subscription, true);
      } catch (error) {
        const isRedirected = error instanceof RedisReplyError && REDIRECTIONS.has(error.code);
        if (!isRedirected || performance.now() + RETRY_PAUSE > deadline) throw brokerError(error);
        await sleep(RETRY_PAUSE);
      }
    }
  }

  async position(subscription: Subscription<Connection>): Promise<Position> {
    try {
      return await this.#ask(subscription, false);
    } catch (error) {
      if (!(error instanceof RedisReplyError)) throw error;
      if (error.code === 'ASK') return this.#askElsewhere(subscription);
      this.#topology.refresh();
      throw brokerError(error);
    }
  }

  /** Unsubscribes. The position expires after its ttl, unless another pod is subscribed. */
  async detach(subscription: Subscription<Connection>): Promise<void> {
    const { channel, source, options } = subscription;
    subscription.source = undefined;
    if (source?.open !== true) return;
    const sharded = this.#keyspace.publishCommand === 'SPUBLISH';
    const pubSubChannel = this.#keyspace.pubSubChannel(channel);
    const keys = this.#keys(channel);
    const ttl = ttlArgument(options.positionTtl);
    const args = [sharded ? 'SHARDNUMSUB' : 'NUMSUB', pubSubChannel, ttl, Math.min(ttl, UNPUBLISHED_TTL)];
    const unsubscribed = source.send(STEP_TIMEOUT, sharded ? 'sunsubscribe' : 'unsubscribe', pubSubChannel);
    const detached = source.run(STEP_TIMEOUT, SCRIPTS.DETACH, [keys.length, ...keys, ...args]);
    // If it fails, the lease of the position runs out by itself.
    await Promise.allSettled([unsubscribed, detached]);
  }

  keptFor({ offset }: Position, { positionTtl }: StreamOptions): number {
    return offset > 0 ? Math.max(positionTtl, POSITION_LEASE) : POSITION_LEASE;
  }

  /**
   * Asks for the position on the connection that serves the channel now, and subscribes there first if necessary.
   *
   * @param begins whether to set how the history is kept.
   * @throws RedisReplyError
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  async #ask(subscription: Subscription<Connection>, begins: boolean): Promise<Position> {
    const connection = this.sourceOf(subscription.channel);
    if (connection === undefined) throw new BrokerUnavailableError(this.#topology.problem ?? 'not connected');
    return new Promise((resolve, reject) => {
      const request = { subscription, begins, resolve, reject };
      const waiting = this.#waiting.get(connection);
      if (waiting !== undefined) {
        waiting.push(request);
        return;
      }
      this.#waiting.set(connection, [request]);
      setImmediate(() => {
        const requests = this.#waiting.get(connection) ?? [];
        this.#waiting.delete(connection);
        connection.together(() => this.#send(connection, requests));
      });
    });
  }

  /** For a channel whose keys have moved before its slot, and with it the subscription, has. */
  async #askElsewhere(subscription: Subscription<Connection>): Promise<Position> {
    const { channel } = subscription;
    const keys = this.#keys(channel);
    const args = this.#arguments(subscription, false);
    const position = positionIn(await this.#router.run({ tag: channel, script: SCRIPTS.ATTACH, keys, args }));
    if (position === undefined) throw this.#input.badAnswer(channel);
    return position;
  }

  #send(connection: Connection, requests: readonly Request[]): void {
    const timeout = requests.length > FEW ? LONG_TIMEOUT : STEP_TIMEOUT;
    const subscribed = this.#subscribe(connection, requests, timeout);
    for (const { subscription, begins, resolve, reject } of requests) {
      const answer = this.#attach(connection, subscription, begins, timeout);
      Promise.all([answer, subscribed.get(subscription)]).then(([position]) => resolve(position), reject);
    }
  }

  /** Subscribes what is not subscribed on this connection. */
  #subscribe(
    connection: Connection,
    requests: readonly Request[],
    timeout: number,
  ): ReadonlyMap<Subscription<Connection>, Promise<unknown>> {
    const missing = requests
      .map(({ subscription }) => subscription)
      .filter((subscription) => subscription.source !== connection || subscription.isDoubtful);
    const subscribed = new Map<Subscription<Connection>, Promise<unknown>>();
    const command = this.#keyspace.publishCommand === 'SPUBLISH' ? 'ssubscribe' : 'subscribe';
    for (const group of this.#groups(missing)) {
      const pubSubChannels = group.map(({ channel }) => this.#keyspace.pubSubChannel(channel));
      const acknowledged = connection.send(timeout, command, ...pubSubChannels);
      for (const subscription of group) {
        // Not only when it is acknowledged: messages may arrive in the same chunk as the acknowledgement.
        subscription.source = connection;
        subscription.isDoubtful = false;
        subscribed.set(subscription, acknowledged);
      }
      acknowledged.then(
        () => doubtPresence(group),
        () => {
          for (const subscription of group) {
            if (subscription.source === connection) subscription.source = undefined;
          }
        },
      );
    }
    return subscribed;
  }

  /** Channels that one command can subscribe to. */
  #groups(subscriptions: readonly Subscription<Connection>[]): Iterable<readonly Subscription<Connection>[]> {
    if (subscriptions.length === 0) return [];
    if (this.#keyspace.publishCommand === 'PUBLISH') return [subscriptions];
    return Map.groupBy(subscriptions, ({ channel }) => tagSlot(channel)).values();
  }

  async #attach(
    connection: Connection,
    subscription: Subscription<Connection>,
    begins: boolean,
    timeout: number,
  ): Promise<Position> {
    const keys = this.#keys(subscription.channel);
    const tail = [keys.length, ...keys, ...this.#arguments(subscription, begins)];
    const answer = await connection.run(timeout, SCRIPTS.ATTACH, tail);
    const position = positionIn(answer);
    if (position !== undefined && (answer as unknown[])[0] === subscription.channel) return position;
    // The answer to another command: from here on no answer can be trusted.
    connection.close();
    throw new BrokerUnavailableError('the connection was out of step');
  }

  #keys(channel: string): string[] {
    return [this.#keyspace.meta(channel), this.#keyspace.log(channel)];
  }

  #arguments({ channel, options, feed }: Subscription<Connection>, begins: boolean): (string | number)[] {
    const { historySize, historyTtl, positionTtl } = options;
    const { epoch = '', offset = 0 } = feed.position ?? {};
    const args = [channel, this.#nextEpoch(), POSITION_LEASE, ttlArgument(positionTtl), epoch, offset];
    return begins ? [...args, sizeArgument(historySize), ttlArgument(historyTtl)] : args;
  }
}

/** Joins and leaves may be lost on channels that were attached before. */
function doubtPresence(subscriptions: readonly Subscription<Connection>[]): void {
  for (const subscription of subscriptions) {
    if (subscription.feed.position !== undefined) subscription.doubtPresence(SETTLING);
  }
}
