import { BrokerUnavailableError, BrokerUnknownError } from '../../errors.js';
import type { Connection } from './connection.js';
import type { Link } from './link.js';

export interface Request {
  readonly command: readonly (string | number)[];
  /** For {@link performance.now}: when it must have been settled. */
  readonly deadline: number;
  /** Whether the slot is only on its way to this node. */
  readonly asking: boolean;
}

interface Queued extends Request {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How many replicas must confirm what was sent together, and for how many ms they are waited for. */
export interface Confirmation {
  readonly replicas: number;
  readonly timeout: number;
}

/** ms beyond the timeout of WAIT until its answer is missed. */
const GRACE = 300;

/** Sends what comes within one turn of the event loop in one piece. */
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
    // The server answers nothing else meanwhile: one at a time, so that nothing waits for more than one.
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
