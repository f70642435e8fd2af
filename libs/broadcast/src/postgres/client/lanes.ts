import { BrokerUnavailableError } from '../../errors.js';
import { STEP_TIMEOUT } from '../../call-deadlines.js';
import type { Connection, Row, Value } from './connection.js';
import { brokerError } from './errors.js';
import { Link } from './link.js';

interface Job {
  /** As {@link performance.now}. */
  readonly deadline: number;
  run(connection: Connection): Promise<void>;
  reject(error: Error): void;
}

/** ms within which a statement is answered: then there is time left for what follows it. */
export const STATEMENT_TIMEOUT = 1_500;
/** ms that a job needs at least: it is not begun later, since nothing is known of what is not answered in time. */
export const LEAST_TIME = 300;
/** Jobs that wait, at most: the memory for more would be lost on a server that does not keep up. */
const MAX_WAITING = 20_000;

/**
 * Connections that run one statement after the other. A job goes to the lane that its key selects, or to any.
 *
 * No lane waits for a statement for longer than a call lasts: then its connection is opened again.
 */
export class Lanes {
  readonly #lanes: readonly Lane[];
  #next = 0;

  /**
   * @param open opens the connection of a lane.
   * @param onUp a lane has a new connection.
   */
  constructor(count: number, open: () => Promise<Connection>, onUp: () => void) {
    this.#lanes = Array.from({ length: count }, () => new Lane(open, onUp));
  }

  /** Why not all of the lanes can be used; undefined if they can. */
  get problem(): string | undefined {
    return this.#lanes.find(({ problem }) => problem !== undefined)?.problem;
  }

  /** How many times lost connections were restored. */
  get reconnects(): number {
    return this.#lanes.reduce((sum, { reconnects }) => sum + reconnects, 0);
  }

  get count(): number {
    return this.#lanes.length;
  }

  start(): void {
    for (const lane of this.#lanes) lane.start();
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map(async (lane) => lane.close()));
  }

  /**
   * Runs a statement on the lane with the least work.
   *
   * @throws BrokerUnavailableError nothing was done.
   * @throws BrokerUnknownError
   */
  async query(
    text: string,
    values: readonly Value[] = [],
    deadline = performance.now() + STEP_TIMEOUT,
  ): Promise<Row[]> {
    return this.run(this.#freest(), deadline, async (connection) => connection.query(STATEMENT_TIMEOUT, text, values));
  }

  /**
   * Runs some work on one lane when it is its turn there.
   *
   * @throws BrokerUnavailableError nothing was done.
   * @throws BrokerUnknownError
   */
  async run<T>(lane: number, deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    const chosen = this.#lanes[lane];
    if (chosen === undefined) throw new BrokerUnavailableError('the lane does not exist');
    return new Promise((resolve, reject) => {
      chosen.add({
        deadline,
        run: async (connection) => resolve(await work(connection)),
        reject,
      });
    });
  }

  /** Each in its turn if they have as much work. */
  #freest(): number {
    this.#next = (this.#next + 1) % this.#lanes.length;
    let best = this.#next;
    for (const [index, lane] of this.#lanes.entries()) {
      if (lane.waiting < (this.#lanes[best]?.waiting ?? Infinity)) best = index;
    }
    return best;
  }
}

class Lane {
  readonly #link: Link;
  #jobs: Job[] = [];
  #isBusy = false;

  constructor(open: () => Promise<Connection>, onUp: () => void) {
    this.#link = new Link(open, () => {
      onUp();
      this.#work().catch(() => undefined);
    });
  }

  get problem(): string | undefined {
    return this.#link.problem;
  }

  get reconnects(): number {
    return this.#link.reconnects;
  }

  get waiting(): number {
    // A lane without a connection refuses everything.
    if (this.#link.connection === undefined) return Infinity;
    return this.#jobs.length + (this.#isBusy ? 1 : 0);
  }

  start(): void {
    this.#link.start();
  }

  async close(): Promise<void> {
    await this.#link.close();
    this.#refuseAll('the broker is closed');
  }

  add(job: Job): void {
    const { connection, problem = 'not connected' } = this.#link;
    if (connection === undefined) job.reject(new BrokerUnavailableError(problem));
    else if (this.#jobs.length >= MAX_WAITING)
      job.reject(new BrokerUnavailableError('too many statements are waiting'));
    else {
      this.#jobs.push(job);
      this.#work().catch(() => undefined);
    }
  }

  async #work(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) await this.#run(job);
    } finally {
      this.#isBusy = false;
    }
  }

  async #run(job: Job): Promise<void> {
    const { connection, problem = 'not connected' } = this.#link;
    if (connection === undefined) job.reject(new BrokerUnavailableError(problem));
    else if (performance.now() > job.deadline - LEAST_TIME)
      job.reject(new BrokerUnavailableError('the server is too slow'));
    else {
      try {
        await job.run(connection);
      } catch (error) {
        job.reject(brokerError(error));
      }
    }
  }

  #refuseAll(reason: string): void {
    const jobs = this.#jobs;
    this.#jobs = [];
    for (const job of jobs) job.reject(new BrokerUnavailableError(reason));
  }
}
