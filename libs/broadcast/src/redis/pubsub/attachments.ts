import { UNPUBLISHED_TTL, type Position, type StreamOptions } from '../../broker.js';
import { BrokerUnavailableError } from '../../errors.js';
import { sizeArgument, ttlArgument } from '../client/arguments.js';
import type { Connection } from '../client/connection.js';
import { positionIn, type RedisInput } from '../input.js';
import { tagSlot } from '../topology/key-slot.js';
import type { Keyspace } from '../keyspace.js';
import { CALL_TIMEOUT, type Router } from '../topology/router.js';
import { SCRIPTS } from '../scripts/index.js';
import type { Subscription } from '../../delivery/subscription.js';
import type { Topology } from '../topology/topology.js';

/**
 * ms for which a position outlives a pod that was subscribed and died, at least. So long that keeping the positions of
 * idle channels costs next to nothing.
 */
const POSITION_LEASE = 14_400_000;
/** How many may be asked for at a time, without the server being given more time for them. */
const FEW = 20;
/** ms for the answers to many; the server may have several pods to serve at a time. */
const LONG_TIMEOUT = 5_000;
/** ms in which other pods come back as well, with the members that they hold. */
const SETTLING = 1_000;

interface Touch {
  readonly subscription: Subscription;
  /** Whether to tell how the history is kept. */
  readonly begins: boolean;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Subscribes, and asks for positions, on the connection that the publications come on: whatever comes behind the answer
 * follows the position. All that is asked for within one turn of the event loop goes in one piece.
 */
export class Touches {
  readonly #topology: Topology;
  readonly #router: Router;
  readonly #names: Keyspace;
  readonly #nextEpoch: () => string;
  readonly #input: RedisInput;
  readonly #waiting = new Map<Connection, Touch[]>();

  constructor(topology: Topology, router: Router, names: Keyspace, input: RedisInput, nextEpoch: () => string) {
    this.#topology = topology;
    this.#input = input;
    this.#router = router;
    this.#names = names;
    this.#nextEpoch = nextEpoch;
  }

  /**
   * The present position, from the connection that serves the channel now; subscribes there where it is not yet.
   *
   * @param begins whether to tell how the history is kept.
   * @throws RedisReplyError
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  async ask(subscription: Subscription, begins: boolean): Promise<Position> {
    const connection = this.#topology.nodeOf(subscription.channel)?.subscriber.connection;
    if (connection === undefined) throw new BrokerUnavailableError(this.#topology.problem ?? 'not connected');
    return new Promise((resolve, reject) => {
      const touch = { subscription, begins, resolve, reject };
      const waiting = this.#waiting.get(connection);
      if (waiting !== undefined) {
        waiting.push(touch);
        return;
      }
      this.#waiting.set(connection, [touch]);
      setImmediate(() => {
        const touches = this.#waiting.get(connection) ?? [];
        this.#waiting.delete(connection);
        connection.together(() => this.#send(connection, touches));
      });
    });
  }

  /** The same of a channel whose keys have moved, while its slot and with it the subscription have not yet. */
  async askElsewhere(subscription: Subscription): Promise<Position> {
    const { channel } = subscription;
    const keys = this.#keys(channel);
    const args = this.#arguments(subscription, false);
    const position = positionIn(await this.#router.run({ tag: channel, script: SCRIPTS.TOUCH, keys, args }));
    if (position === undefined) throw this.#input.badAnswer(channel);
    return position;
  }

  /** Unsubscribes, and has the position expire in time where nobody else is subscribed. */
  async release(subscription: Subscription): Promise<void> {
    const { channel, connection, options } = subscription;
    subscription.connection = undefined;
    if (connection?.open !== true) return;
    const sharded = this.#names.publishCommand === 'SPUBLISH';
    const wire = this.#names.pubSubChannel(channel);
    const keys = this.#keys(channel);
    const ttl = ttlArgument(options.positionTtl);
    const args = [sharded ? 'SHARDNUMSUB' : 'NUMSUB', wire, ttl, Math.min(ttl, UNPUBLISHED_TTL)];
    const ended = connection.send(CALL_TIMEOUT, sharded ? 'sunsubscribe' : 'unsubscribe', wire);
    const released = connection.run(CALL_TIMEOUT, SCRIPTS.RELEASE, [keys.length, ...keys, ...args]);
    // Where it fails the position's lease runs out by itself.
    await Promise.allSettled([ended, released]);
  }

  #send(connection: Connection, touches: readonly Touch[]): void {
    const timeout = touches.length > FEW ? LONG_TIMEOUT : CALL_TIMEOUT;
    const subscribed = this.#subscribe(connection, touches, timeout);
    for (const { subscription, begins, resolve, reject } of touches) {
      const answer = this.#touch(connection, subscription, begins, timeout);
      Promise.all([answer, subscribed.get(subscription)]).then(([position]) => resolve(position), reject);
    }
  }

  /** Subscribes what is not subscribed on this connection. */
  #subscribe(
    connection: Connection,
    touches: readonly Touch[],
    timeout: number,
  ): ReadonlyMap<Subscription, Promise<unknown>> {
    const missing = touches
      .map(({ subscription }) => subscription)
      .filter((subscription) => subscription.connection !== connection || subscription.doubtful);
    const subscribed = new Map<Subscription, Promise<unknown>>();
    const command = this.#names.publishCommand === 'SPUBLISH' ? 'ssubscribe' : 'subscribe';
    for (const group of this.#groups(missing)) {
      const wires = group.map(({ channel }) => this.#names.pubSubChannel(channel));
      const acknowledged = connection.send(timeout, command, ...wires);
      for (const subscription of group) {
        // At once, not when it is acknowledged: messages may come in the same piece as the acknowledgement.
        subscription.connection = connection;
        subscription.doubtful = false;
        subscribed.set(subscription, acknowledged);
      }
      acknowledged.then(
        () => doubtPresence(group),
        () => {
          for (const subscription of group) {
            if (subscription.connection === connection) subscription.connection = undefined;
          }
        },
      );
    }
    return subscribed;
  }

  /** What can be subscribed to by one command. */
  #groups(subscriptions: readonly Subscription[]): Iterable<readonly Subscription[]> {
    if (subscriptions.length === 0) return [];
    if (this.#names.publishCommand === 'PUBLISH') return [subscriptions];
    return Map.groupBy(subscriptions, ({ channel }) => tagSlot(channel)).values();
  }

  async #touch(
    connection: Connection,
    subscription: Subscription,
    begins: boolean,
    timeout: number,
  ): Promise<Position> {
    const keys = this.#keys(subscription.channel);
    const tail = [keys.length, ...keys, ...this.#arguments(subscription, begins)];
    const answer = await connection.run(timeout, SCRIPTS.TOUCH, tail);
    const position = positionIn(answer);
    if (position !== undefined && (answer as unknown[])[0] === subscription.channel) return position;
    // An answer to something else: from here on none can be trusted.
    connection.close();
    throw new BrokerUnavailableError('the connection was out of step');
  }

  #keys(channel: string): string[] {
    return [this.#names.meta(channel), this.#names.log(channel)];
  }

  #arguments({ channel, options, stream }: Subscription, begins: boolean): (string | number)[] {
    const { historySize, historyTtl, positionTtl } = options;
    const { epoch = '', offset = 0 } = stream.position ?? {};
    const args = [channel, this.#nextEpoch(), POSITION_LEASE, ttlArgument(positionTtl), epoch, offset];
    return begins ? [...args, sizeArgument(historySize), ttlArgument(historyTtl)] : args;
  }
}

/** ms for which a position is kept after it was asked for, whatever happens to those who asked. */
export function keptFor({ offset }: Position, { positionTtl }: StreamOptions): number {
  return offset > 0 ? Math.max(positionTtl, POSITION_LEASE) : POSITION_LEASE;
}

/** Of those that were subscribed before. */
function doubtPresence(subscriptions: readonly Subscription[]): void {
  for (const subscription of subscriptions) {
    if (subscription.stream.position !== undefined) subscription.doubtPresence(SETTLING);
  }
}
