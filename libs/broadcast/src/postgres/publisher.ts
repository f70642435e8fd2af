import { setTimeout as sleep } from 'node:timers/promises';
import type { PublishRequest, PublishResult } from '../broker.js';
import type { FeedStats } from '../broker-stats.js';
import { STEP_TIMEOUT } from '../call-deadlines.js';
import { BrokerUnavailableError, KeyConflictError } from '../errors.js';
import type { Connection } from './client/connection.js';
import { CODES, PostgresError } from './client/errors.js';
import { LEAST_TIME, STATEMENT_TIMEOUT, type Lanes } from './client/lanes.js';
import { milliseconds, size } from './numbers.js';
import { toStored } from './text.js';

/** Publishes in one statement, at most, and UTF-16 code units of their payloads. */
const BATCH = 200;
const BATCH_LENGTH = 1_048_576;
/** ms between two looks at a channel that somebody else's transaction has locked. */
const BUSY_PAUSE = 25;
/** Publishes that wait, at most. */
const MAX_WAITING = 50_000;

interface Waiting {
  readonly request: PublishRequest;
  /** As {@link performance.now}. */
  readonly deadline: number;
  readonly resolve: (result: PublishResult) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Publishes of all channels, packed: one statement for all that waits on a lane. A channel's lane is fixed, so that its publishes
 * stay in order.
 *
 * A backend that has published in its own transaction has locked the channel until that ends. The lane does not wait for it:
 * the publishes on that channel do, and the others go on.
 */
export class Publisher {
  readonly #lanes: Lanes;
  readonly #schema: string;
  readonly #waiting: Waiting[][];
  readonly #scheduled = new Set<number>();
  /** Publishes on channels that are locked, by channel. */
  readonly #held = new Map<string, Waiting[]>();
  readonly #onStoring: (connection: Connection) => boolean;
  readonly #onStored: (isNotified: boolean) => void;
  #entriesWritten = 0;
  #recordsWritten = 0;

  /**
   * @param onStoring a connection runs a statement that publishes. Returns whether other pods are notified of what it stores.
   * @param onStored something was stored, and whether they are.
   */
  constructor(
    lanes: Lanes,
    schema: string,
    onStoring: (connection: Connection) => boolean,
    onStored: (isNotified: boolean) => void,
  ) {
    this.#lanes = lanes;
    this.#schema = schema;
    this.#onStoring = onStoring;
    this.#onStored = onStored;
    this.#waiting = Array.from({ length: lanes.count }, () => []);
  }

  get stats(): Pick<FeedStats, 'entriesWritten' | 'recordsWritten'> {
    return { entriesWritten: this.#entriesWritten, recordsWritten: this.#recordsWritten };
  }

  /**
   * @throws KeyConflictError
   * @throws BrokerUnavailableError
   * @throws BrokerUnknownError
   */
  async publish(request: PublishRequest): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      const waiting = { request, deadline: performance.now() + STEP_TIMEOUT, resolve, reject };
      const held = this.#held.get(request.channel);
      if (held !== undefined) held.push(waiting);
      else this.#add(waiting);
    });
  }

  #add(waiting: Waiting): void {
    const lane = laneOf(waiting.request.channel, this.#lanes.count);
    const queue = this.#waiting[lane];
    if (queue === undefined || queue.length >= MAX_WAITING) {
      waiting.reject(new BrokerUnavailableError('too many publishes are waiting'));
      return;
    }
    queue.push(waiting);
    this.#schedule(lane);
  }

  #schedule(lane: number): void {
    const [first] = this.#waiting[lane] ?? [];
    if (first === undefined || this.#scheduled.has(lane)) return;
    this.#scheduled.add(lane);
    let batch: readonly Waiting[] | undefined;
    // What is added before its turn goes along.
    const work = async (connection: Connection): Promise<void> => {
      this.#scheduled.delete(lane);
      batch = this.#take(lane);
      this.#schedule(lane);
      await this.#store(connection, batch);
    };
    this.#lanes.run(lane, performance.now() + STEP_TIMEOUT, work).catch((error: unknown) => {
      const reason = error instanceof Error ? error : new BrokerUnavailableError('the publish failed');
      if (batch === undefined) {
        // It has not had its turn: everything that waits on the lane fails for the same reason.
        this.#scheduled.delete(lane);
        batch = this.#waiting[lane]?.splice(0) ?? [];
      }
      for (const waiting of batch) waiting.reject(reason);
    });
  }

  /** The next publishes of a lane. The same key twice would be stored twice by one statement: the second one waits. */
  #take(lane: number): Waiting[] {
    const queue = this.#waiting[lane] ?? [];
    const now = performance.now();
    const batch: Waiting[] = [];
    const keys = new Set<string>();
    let length = 0;
    let end = 0;
    for (const waiting of queue) {
      const { channel, payload, idempotency } = waiting.request;
      const key = idempotency && JSON.stringify([channel, idempotency.publisher, idempotency.key]);
      const isFull = batch.length >= BATCH || (batch.length > 0 && length + payload.length > BATCH_LENGTH);
      if (isFull || (key !== undefined && keys.has(key))) break;
      end += 1;
      if (waiting.deadline - LEAST_TIME <= now) {
        waiting.reject(new BrokerUnavailableError('the server is too slow'));
        continue;
      }
      if (key !== undefined) keys.add(key);
      length += payload.length;
      batch.push(waiting);
    }
    queue.splice(0, end);
    return batch;
  }

  async #store(connection: Connection, batch: readonly Waiting[]): Promise<void> {
    if (batch.length === 0) return;
    try {
      const answer = connection.query(STATEMENT_TIMEOUT, this.#statement, this.#values(batch, true));
      const isNotified = this.#onStoring(connection);
      this.#settle(batch, await answer, isNotified);
    } catch (error) {
      if (!(error instanceof PostgresError) || error.code !== CODES.lockNotAvailable) throw error;
      // One channel is locked: all but that one are stored.
      this.#settle(
        batch,
        await connection.query(STATEMENT_TIMEOUT, this.#statement, this.#values(batch, false)),
        false,
      );
    }
  }

  #settle(batch: readonly Waiting[], rows: readonly (readonly unknown[])[], isNotified: boolean): void {
    const busy = new Map<string, Waiting[]>();
    let count = 0;
    for (const [index, outcome, epoch, offset] of rows) {
      const waiting = batch[Number(index) - 1];
      if (waiting === undefined) continue;
      if (outcome === 'busy') {
        const { channel } = waiting.request;
        busy.set(channel, [...(busy.get(channel) ?? []), waiting]);
      } else if (outcome === 'conflict') {
        waiting.reject(new KeyConflictError('the key was used before with different data'));
      } else {
        if (outcome === 'stored') count += 1;
        waiting.resolve({ epoch: String(epoch), offset: Number(offset), duplicate: outcome === 'duplicate' });
      }
    }
    if (count > 0) {
      this.#entriesWritten += 1;
      this.#recordsWritten += count;
      this.#onStored(isNotified);
    }
    for (const [channel, waiting] of busy) this.#hold(channel, waiting);
  }

  #hold(channel: string, waiting: readonly Waiting[]): void {
    const held = this.#held.get(channel);
    if (held !== undefined) {
      held.unshift(...waiting);
      return;
    }
    this.#held.set(channel, [...waiting]);
    this.#awaitFree(channel).catch(() => undefined);
  }

  /** Waits until a channel is free: what is published on it in the meantime waits too, until its deadline. */
  async #awaitFree(channel: string): Promise<void> {
    do {
      await sleep(BUSY_PAUSE * (0.5 + Math.random()), undefined, { ref: false });
      const limit = performance.now() + LEAST_TIME;
      const held = this.#held.get(channel) ?? [];
      this.#held.set(
        channel,
        held.filter(({ deadline }) => deadline > limit),
      );
      for (const { deadline, reject } of held) {
        if (deadline <= limit)
          reject(new BrokerUnavailableError('the channel is locked by a transaction of a backend'));
      }
    } while (await this.#isLocked(channel));
    const left = this.#held.get(channel) ?? [];
    this.#held.delete(channel);
    for (const waiting of left) this.#add(waiting);
  }

  async #isLocked(channel: string): Promise<boolean> {
    try {
      const [[locked] = []] = await this.#lanes.query(`select ${this.#schema}.is_locked_1($1)`, [toStored(channel)]);
      return locked === true;
    } catch {
      // Without a connection every publish fails, and so shall these.
      return false;
    }
  }

  get #statement(): string {
    return `select i, outcome, epoch, n from ${this.#schema}.publish_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;
  }

  #values(batch: readonly Waiting[], patient: boolean): (boolean | (string | number | null)[])[] {
    const requests = batch.map(({ request }) => request);
    return [
      requests.map(({ channel }) => toStored(channel)),
      requests.map(({ payload }) => toStored(payload)),
      requests.map(({ stream }) => size(stream.historySize)),
      requests.map(({ stream }) => milliseconds(stream.historyTtl)),
      requests.map(({ stream }) => milliseconds(stream.positionTtl)),
      requests.map(({ idempotency }) => stored(idempotency?.publisher)),
      requests.map(({ idempotency }) => stored(idempotency?.key)),
      requests.map(({ idempotency }) => stored(idempotency?.fingerprint)),
      requests.map(({ idempotency }) => (idempotency === undefined ? null : milliseconds(idempotency.window))),
      patient,
    ];
  }
}

function stored(text: string | undefined): string | null {
  return text === undefined ? null : toStored(text);
}

/** FNV-1a. */
function laneOf(channel: string, lanes: number): number {
  let hash = 2_166_136_261;
  for (let index = 0; index < channel.length; index += 1) {
    hash = Math.imul(hash ^ channel.charCodeAt(index), 16_777_619);
  }
  return (hash >>> 0) % lanes;
}
