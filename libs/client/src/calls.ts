import type { Json, Requests } from '@holdfast/protocol';
import type { Connection } from './connection.js';
import { HoldfastError } from './errors.js';
import { after, Deferred } from './timers.js';

/** The requests that change nothing, and so can be repeated on another connection. */
type Question = 'presence' | 'history';

export interface OpenCallsOptions {
  /** The time limit for the reply in ms, including the wait for a connection. */
  readonly timeout: number;
  readonly connection: () => Connection | undefined;
}

interface Call {
  isWaiting: boolean;
  send(): void;
  reject(error: HoldfastError): void;
}

/** After these it is not known whether a call was carried out. */
const UNANSWERED: ReadonlySet<string> = new Set(['disconnected', 'timeout', 'unknown']);

/** Requests that wait for a connection, until their time limit. Those that only read are repeated on the next connection. */
export class OpenCalls {
  readonly #options: OpenCallsOptions;
  readonly #open = new Set<Call>();
  #closed: HoldfastError | undefined;

  constructor(options: OpenCallsOptions) {
    this.#options = options;
  }

  ask<E extends Question>(event: E, data: Requests[E]['data']): Promise<Requests[E]['reply']> {
    return this.#send(event, JSON.stringify(data), true);
  }

  /** Sends an event of the application's own, at most once. @param json its data. */
  call(event: string, json: string | undefined): Promise<Json> {
    return this.#send(event, json, false);
  }

  #send<Reply>(event: string, json: string | undefined, isRepeatable: boolean): Promise<Reply> {
    const { timeout, connection } = this.#options;
    const { promise, resolve, reject } = new Deferred<Reply>();
    const end = () => {
      cancelTimeout();
      this.#open.delete(call);
    };
    const call: Call = {
      isWaiting: true,
      send: () => {
        const current = connection();
        call.isWaiting = current === undefined;
        current?.request(event, json, {
          done: (reply) => {
            end();
            resolve(reply as Reply);
          },
          failed: (error) => {
            if (!this.#open.has(call)) return;
            const isLost = error.code === 'disconnected';
            if (isRepeatable && isLost && this.#closed === undefined) call.send();
            else call.reject((isRepeatable && this.#closed) || error);
          },
        });
      },
      reject: (error) => {
        end();
        const isUnknown = !isRepeatable && !call.isWaiting && UNANSWERED.has(error.code);
        reject(
          isUnknown ? new HoldfastError('unknown', `no answer to "${event}": it may have been carried out`) : error,
        );
      },
    };
    const cancelTimeout = after(timeout, () => {
      call.reject(new HoldfastError('timeout', `no answer to "${event}" within ${timeout} ms`, { retryable: true }));
    });
    this.#open.add(call);
    call.send();
    return promise;
  }

  /** Called when there is a connection. */
  flush(): void {
    for (const call of this.#open) if (call.isWaiting) call.send();
  }

  /** Rejects waiting calls at once, and those in progress when they fail. */
  close(error: HoldfastError): void {
    this.#closed = error;
    for (const call of this.#open) if (call.isWaiting) call.reject(error);
  }
}
