import { CALL_LIMIT } from './broker.js';
import { BrokerUnavailableError, BrokerUnknownError, KeyConflictError } from './errors.js';

/** ms left for the answer to reach the caller. */
const MARGIN = 100;

/** ms within which a single step of a call (a command, a read) has to be settled: enough is left for what follows it. */
export const STEP_TIMEOUT = CALL_LIMIT - 300;

interface Pending {
  /** As {@link performance.now}. */
  readonly due: number;
  expire(): void;
}

/**
 * Settles every call of a broker within {@link CALL_LIMIT}, whatever it waits for, and only with errors of the contract. All
 * calls have the same limit, so they are due in the order in which they began, and one timer serves them all.
 */
export class CallDeadlines {
  readonly #pending = new Set<Pending>();
  readonly #onFault: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param onFault receives each error that the contract does not allow: a bug in the broker. */
  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  /** For a call that changes nothing: it can only fail with BrokerUnavailableError. */
  async reading<T>(work: () => Promise<T>): Promise<T> {
    return this.#settle(work, (reason) => new BrokerUnavailableError(reason));
  }

  /** For a call that changes something: once it has begun, only the work itself knows that nothing was done. */
  async writing<T>(work: () => Promise<T>): Promise<T> {
    return this.#settle(work, (reason) => new BrokerUnknownError(reason));
  }

  async #settle<T>(work: () => Promise<T>, failure: (reason: string) => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        due: performance.now() + CALL_LIMIT - MARGIN,
        expire: () => reject(failure('no answer in time')),
      };
      this.#pending.add(pending);
      if (this.#timer === undefined) this.#wait(pending.due);
      work()
        .finally(() => this.#pending.delete(pending))
        .then(resolve, (error: unknown) => reject(this.#inContract(error, failure)));
    });
  }

  #inContract(error: unknown, failure: (reason: string) => Error): unknown {
    if (error instanceof BrokerUnavailableError || error instanceof KeyConflictError) return error;
    if (error instanceof BrokerUnknownError) return failure(error.message);
    this.#onFault(error);
    return failure('internal error of the broker');
  }

  #wait(due: number): void {
    this.#timer = setTimeout(() => this.#expire(), Math.max(due - performance.now(), 1));
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const pending of this.#pending) {
      if (pending.due > now) {
        this.#wait(pending.due);
        return;
      }
      this.#pending.delete(pending);
      pending.expire();
    }
  }
}
