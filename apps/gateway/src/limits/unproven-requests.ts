import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LeakyBucket } from '../gateway/leaky-bucket.js';
import type { Metrics } from '../metrics/metrics.js';
import type { PendingSockets } from './pending-sockets.js';

/** How many requests that prove nothing may come at once, and how many more each second, on all connections together. */
const RATE = { burst: 50, perSecond: 50 };

/** The health checks have a rate of their own, so that nothing else delays them. */
const HEALTH = '/health';

/** How often requests that wait are looked at, in ms. */
const TURN_MS = 100;

interface Held {
  readonly socket: Socket;
  readonly proceed: () => void;
}

/**
 * Has requests wait that come without a valid API key, faster than {@link RATE}: each costs the CPU as much as some messages,
 * and anybody can send them without end. They wait in turn, one for each connection, and count as pending meanwhile. The
 * first request of a connection never waits: whoever sends each on a connection of its own is slowed down by that.
 */
export class UnprovenRequests {
  private readonly known = new WeakSet<Socket>();
  private readonly queues = [new Queue(), new Queue()] as const;

  constructor(
    private readonly isProven: (request: FastifyRequest) => boolean,
    private readonly pending: Pick<PendingSockets, 'hold' | 'release'>,
    private readonly metrics: Pick<Metrics, 'limited'>,
  ) {}

  /** A hook `onRequest` of Fastify. */
  readonly take = (request: FastifyRequest, _reply: FastifyReply, proceed: () => void): void => {
    const { socket, url = '' } = request.raw;
    const isFirst = !this.known.has(socket);
    if (isFirst) this.known.add(socket);
    if (this.isProven(request)) {
      proceed();
      return;
    }
    const queue = this.queues[url.startsWith(HEALTH) ? 0 : 1];
    if (isFirst) queue.bucket.pour(1);
    if (isFirst || (queue.isEmpty && queue.bucket.add())) {
      proceed();
      return;
    }
    this.metrics.limited.inc({ limit: 'unproven_requests' });
    // If there are too many connections this one may be ended, as one that does nothing.
    this.pending.release(socket);
    queue.add({
      socket,
      proceed: () => {
        this.pending.hold(socket);
        proceed();
      },
    });
  };
}

class Queue {
  readonly bucket = new LeakyBucket(RATE.burst, RATE.perSecond);
  private held: Held[] = [];
  private timer: NodeJS.Timeout | undefined;

  get isEmpty(): boolean {
    return this.held.length === 0;
  }

  add(held: Held): void {
    this.held.push(held);
    this.timer ??= setInterval(() => this.turn(), TURN_MS);
  }

  private turn(): void {
    this.held = this.held.filter(({ socket }) => !socket.destroyed);
    let count = 0;
    while (count < this.held.length && this.bucket.add()) count += 1;
    for (const { proceed } of this.held.splice(0, count)) proceed();
    if (!this.isEmpty) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
