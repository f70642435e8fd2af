import type { Requests } from '@holdfast/protocol';
import type { Connection } from './connection.js';
import { HoldfastError } from './errors.js';
import { after, Deferred } from './timers.js';

/** The requests that change nothing, and so can be repeated on another connection. */
type Question = 'presence' | 'history';

export interface CallsOptions {
  /** The time limit for the reply in ms, including the wait for a connection. */
  readonly timeout: number;
  readonly connection: () => Connection | undefined;
}

interface Call {
  isWaiting: boolean;
  send(): void;
  reject(error: HoldfastError): void;
}

/** Read requests, which wait for a connection and are repeated on the next one, until their time limit. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #open = new Set<Call>();
  #closed: HoldfastError | undefined;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  ask<E extends Question>(event: E, data: Requests[E]['data']): Promise<Requests[E]['reply']> {
    const { timeout, connection } = this.#options;
    const { promise, resolve, reject } = new Deferred<Requests[E]['reply']>();
    const json = JSON.stringify(data);
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
            resolve(reply);
          },
          failed: (error) => {
            if (!this.#open.has(call)) return;
            if (error.code === 'disconnected' && this.#closed === undefined) call.send();
            else call.reject(this.#closed ?? error);
          },
        });
      },
      reject: (error) => {
        end();
        reject(error);
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
