import { BrokerUnavailableError, BrokerUnknownError } from '../../errors.js';
import type { Connection } from './connection.js';
import type { Link } from './link.js';

export interface Request {
  readonly command: readonly (string | number)[];
  /** When it must be settled, as {@link performance.now}. */
  readonly deadline: number;
  /** Whether the slot is still moving to this node. */
  readonly asking: boolean;
}

interface Queued extends Request {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How many replicas must confirm each write to the socket, and within how many ms. */
export interface Confirmation {
  readonly replicas: number;
  readonly timeout: number;
}

/** ms beyond the timeout of WAIT before its answer counts as missing. */
const GRACE = 300;

/** Sends the requests of one turn of the event loop in one write. */
export class Pipeline {
  readonly #link: Link;
  readonly #confirmation: Confirmation;
  #queue: Queued[] = [];
  #scheduled = false;

  constructor(link: Link, confirmation: Confirmation = { replicas: 0, timeout: 0 }) {
    this.#link = link;
    this.#confirmation = confirmation;
  }

  /** Rejects as {@link Connection.send} does. */
  async send(request: Request): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...request, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      const flushed = (): void => {
        this.#scheduled = false;
        if (this.#queue.length > 0) this.#schedule();
      };
      this.#flush().then(flushed, flushed);
    });
  }

  async #flush(): Promise<void> {
    const queue = this.#queue;
    this.#queue = [];
    const { connection } = this.#link;
    if (connection === undefined) {
      for (const { reject } of queue) reject(new BrokerUnavailableError(this.#link.problem));
      return;
    }
    let confirmed: Promise<unknown> | undefined;
    const { replicas, timeout } = this.#confirmation;
    connection.together(() => {
      const answers = queue.map(async (queued) => answerOf(connection, queued));
      if (replicas > 0) confirmed = connection.send(timeout + GRACE, 'wait', replicas, timeout);
      queue.forEach(({ resolve, reject }, index) => {
        settle(answers[index], confirmed, replicas).then(resolve, reject);
      });
    });
    // During WAIT the server answers nothing else: one at a time, so that no request waits for more than one of them.
    await confirmed?.catch(() => undefined);
  }
}

async function answerOf(connection: Connection, { command, asking, deadline }: Queued): Promise<unknown> {
  const remaining = deadline - performance.now();
  if (remaining <= 0) throw new BrokerUnavailableError('not sent in time');
  if (asking) connection.send(remaining, 'asking').catch(() => undefined);
  const [name, ...args] = command;
  return connection.send(remaining, `${name}`, ...args);
}

async function settle(
  answer: Promise<unknown> | undefined,
  confirmed: Promise<unknown> | undefined,
  replicas: number,
): Promise<unknown> {
  const [result, count] = await Promise.allSettled([answer, confirmed]);
  if (result.status === 'rejected') throw result.reason;
  if (replicas > 0 && !(count.status === 'fulfilled' && Number(count.value) >= replicas)) {
    throw new BrokerUnknownError('too few replicas confirmed in time');
  }
  return result.value;
}
