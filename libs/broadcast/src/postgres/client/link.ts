import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from './connection.js';

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

/** Keeps one connection open: reopens it when it is lost, after a pause that grows to 1 s. */
export class Link {
  /** Why there is no connection; undefined if there is one. */
  problem: string | undefined = 'not connected yet';
  readonly #open: () => Promise<Connection>;
  readonly #onUp: (connection: Connection) => void;
  readonly #stop = new AbortController();
  #connection: Connection | undefined;
  #connections = 0;
  #running: Promise<void> | undefined;

  /** @param open rejects with an Error that has the reason, without secrets. */
  constructor(open: () => Promise<Connection>, onUp: (connection: Connection) => void) {
    this.#open = open;
    this.#onUp = onUp;
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** How many times a lost connection was restored. */
  get reconnects(): number {
    return Math.max(this.#connections - 1, 0);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#connection?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      try {
        const connection = await this.#open();
        if (signal.aborted) connection.close();
        else await this.#use(connection);
        pause = FIRST_PAUSE;
      } catch (error) {
        this.problem = error instanceof Error ? error.message : 'the connection failed';
      }
      // Jitter: many pods lose their connections at the same time.
      await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  async #use(connection: Connection): Promise<void> {
    await new Promise<void>((resolve) => {
      connection.onClose = resolve;
      if (!connection.open) {
        resolve();
        return;
      }
      this.#connection = connection;
      this.#connections += 1;
      this.problem = undefined;
      this.#onUp(connection);
    });
    this.#connection = undefined;
    this.problem = 'the connection was lost';
  }
}
