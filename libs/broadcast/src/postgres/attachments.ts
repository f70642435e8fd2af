import { setTimeout as sleep } from 'node:timers/promises';
import { UNPUBLISHED_TTL, type Position, type StreamOptions } from '../broker.js';
import { STEP_TIMEOUT } from '../call-deadlines.js';
import type { Attachments } from '../delivery/attachments.js';
import type { Subscription } from '../delivery/subscription.js';
import { BrokerUnavailableError } from '../errors.js';
import type { Row } from './client/connection.js';
import { CODES, PostgresError } from './client/errors.js';
import { LEAST_TIME, type Lanes } from './client/lanes.js';
import type { Feed, FeedSource } from './feed.js';
import { milliseconds, size } from './numbers.js';
import { toStored } from './text.js';

/**
 * ms for which a position outlives a subscribed pod that died, at least. Long enough that keeping the positions of idle
 * channels costs almost nothing.
 */
const POSITION_LEASE = 14_400_000;
/** Channels in one statement, at most. */
const BATCH = 500;
/** ms between two attempts on a channel that somebody else's transaction has locked. */
const LOCKED_PAUSE = 25;
/** ms in which other pods reconnect as well, and restore their members. */
const SETTLING = 1_000;

interface Request {
  readonly subscription: Subscription<FeedSource>;
  /** Whether to set how the history is kept. */
  readonly begins: boolean;
  /** As {@link performance.now}. */
  readonly deadline: number;
  readonly resolve: (position: Position) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Stores which channels the feed delivers, and asks for their positions. First the one, then the other, in two transactions: what
 * follows the position is committed after the subscription, so that the feed finds it. All requests of one turn of the event
 * loop are in one statement.
 */
export class PostgresAttachments implements Attachments<FeedSource> {
  readonly #lanes: Lanes;
  readonly #feed: Feed;
  readonly #schema: string;
  readonly #pod: string;
  #waiting: Request[] = [];

  constructor(lanes: Lanes, feed: Feed, schema: string, pod: string) {
    this.#lanes = lanes;
    this.#feed = feed;
    this.#schema = schema;
    this.#pod = pod;
  }

  sourceOf(): FeedSource | undefined {
    return this.#feed.source;
  }

  isMoving(): boolean {
    return false;
  }

  refresh(): void {
    // There is only one source.
  }

  async attach(subscription: Subscription<FeedSource>, deadline: number): Promise<Position> {
    const position = await this.#ask(subscription, true, deadline);
    // What precedes the answer may not have arrived yet: that is no reason to read it.
    if (subscription.feed.isBehind(position)) await this.#feed.caughtUp();
    return position;
  }

  async position(subscription: Subscription<FeedSource>): Promise<Position> {
    const position = await this.#ask(subscription, false, performance.now() + STEP_TIMEOUT);
    if (subscription.feed.isBehind(position)) await this.#feed.caughtUp();
    return position;
  }

  async detach({ channel, options }: Subscription<FeedSource>): Promise<void> {
    const ttl = milliseconds(options.positionTtl);
    const text = `select ${this.#schema}.detach_1($1, $2, $3, $4)`;
    // If it fails, the lease of the position runs out by itself.
    await this.#lanes.query(text, [this.#pod, toStored(channel), ttl, UNPUBLISHED_TTL]).catch(() => undefined);
  }

  keptFor({ offset }: Position, { positionTtl }: StreamOptions): number {
    return offset > 0 ? Math.max(positionTtl, POSITION_LEASE) : POSITION_LEASE;
  }

  /** Begins the streams of channels that have ended on another server. */
  async renew(channel: string): Promise<void> {
    const text = `select i from ${this.#schema}.attach_1($1, $2, $3, $4, $5, $6, $7, $8)`;
    await this.#lanes.query(text, [[toStored(channel)], [false], [0], [0], [0], [null], [0], 0]);
  }

  async #ask(subscription: Subscription<FeedSource>, begins: boolean, deadline: number): Promise<Position> {
    if (this.#feed.source === undefined) throw new BrokerUnavailableError(this.#feed.problem ?? 'not connected');
    return new Promise((resolve, reject) => {
      this.#waiting.push({ subscription, begins, deadline, resolve, reject });
      if (this.#waiting.length > 1) return;
      setImmediate(() => {
        const requests = this.#waiting;
        this.#waiting = [];
        for (let start = 0; start < requests.length; start += BATCH) {
          this.#run(requests.slice(start, start + BATCH)).catch(() => undefined);
        }
      });
    });
  }

  async #run(requests: readonly Request[]): Promise<void> {
    try {
      await this.#subscribe(requests.map(({ subscription }) => subscription));
      const rows = await this.#lanes.query(this.#statement, this.#values(requests));
      settle(requests, rows);
    } catch (error) {
      if (isLocked(error)) await Promise.all(requests.map(async (request) => this.#runAlone(request)));
      else for (const { reject } of requests) reject(error);
    }
  }

  /** For a channel that may be locked, until its deadline. */
  async #runAlone(request: Request): Promise<void> {
    while (performance.now() < request.deadline - LEAST_TIME) {
      try {
        settle([request], await this.#lanes.query(this.#statement, this.#values([request])));
        return;
      } catch (error) {
        if (!isLocked(error)) {
          request.reject(error);
          return;
        }
        await sleep(LOCKED_PAUSE, undefined, { ref: false });
      }
    }
    request.reject(new BrokerUnavailableError('the channel is locked by a transaction of a backend'));
  }

  /** Stores the subscriptions that the server does not have. */
  async #subscribe(subscriptions: readonly Subscription<FeedSource>[]): Promise<void> {
    const { source } = this.#feed;
    const missing = subscriptions.filter((subscription) => subscription.source !== source || subscription.isDoubtful);
    if (missing.length === 0) return;
    for (const subscription of missing) {
      // Not only when it is stored: messages may arrive before the answer.
      subscription.source = source;
      subscription.isDoubtful = false;
      if (subscription.feed.position !== undefined) subscription.doubtPresence(SETTLING);
    }
    const text = `insert into ${this.#schema}.subscription (pod, channel)
      select $1, c from unnest($2::text[]) c order by c on conflict do nothing`;
    try {
      await this.#lanes.query(text, [this.#pod, [...new Set(missing.map(({ channel }) => toStored(channel)))]]);
    } catch (error) {
      for (const subscription of missing) if (subscription.source === source) subscription.source = undefined;
      throw error;
    }
  }

  get #statement(): string {
    return `select i, epoch, n from ${this.#schema}.attach_1($1, $2, $3, $4, $5, $6, $7, $8)`;
  }

  #values(requests: readonly Request[]): (number | (string | number | boolean | null)[])[] {
    const options = requests.map(({ subscription }) => subscription.options);
    const positions = requests.map(({ subscription }) => subscription.feed.position);
    return [
      requests.map(({ subscription }) => toStored(subscription.channel)),
      requests.map(({ begins }) => begins),
      options.map(({ historySize }) => size(historySize)),
      options.map(({ historyTtl }) => milliseconds(historyTtl)),
      options.map(({ positionTtl }) => milliseconds(positionTtl)),
      positions.map((position) => position?.epoch ?? null),
      positions.map((position) => position?.offset ?? 0),
      POSITION_LEASE,
    ];
  }
}

function settle(requests: readonly Request[], rows: readonly Row[]): void {
  const positions = new Map(
    rows.map(([index, epoch, offset]) => [Number(index) - 1, { epoch: String(epoch), offset: Number(offset) }]),
  );
  for (const [index, { resolve, reject }] of requests.entries()) {
    const position = positions.get(index);
    if (position === undefined) reject(new BrokerUnavailableError('the channel was not found'));
    else resolve(position);
  }
}

function isLocked(error: unknown): boolean {
  return (
    error instanceof BrokerUnavailableError &&
    error.cause instanceof PostgresError &&
    error.cause.code === CODES.lockNotAvailable
  );
}
