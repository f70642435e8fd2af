import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../broker-url.js';
import { LogRefusedError, LogUnavailableError } from '../log/log-adapter.js';
import { Connection } from './connection.js';
import { messageOf } from './errors.js';
import type { AmqpLibrary } from './library.js';
import type { RabbitSettings } from './url.js';

/** ms */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

export interface LinkEvents {
  /** Prepares a new connection for use. An error closes it. */
  onOpen(connection: Connection): Promise<void>;
  /** The link is up or down, or the reason for that has changed. */
  onChange(): void;
}

/** Keeps one connection open: connects to the next node if it is lost, after a pause that grows to 1 s. */
export class Link {
  readonly #stop = new AbortController();
  #connection: Connection | undefined;
  #problem: LogUnavailableError | undefined;
  #running: Promise<void> | undefined;
  #waiting: (() => void)[] = [];

  /** @param settings credentials and TLS are read for each attempt. */
  constructor(
    private readonly settings: RabbitSettings,
    private readonly purpose: string,
    private readonly events: LinkEvents,
  ) {}

  /** Undefined if there is a connection, and until the first attempt has failed. */
  get problem(): LogUnavailableError | undefined {
    return this.#problem;
  }

  start(library: AmqpLibrary): void {
    this.#running ??= this.#run(library);
  }

  /** @throws LogUnavailableError if there is no connection. */
  get connection(): Connection {
    if (this.#connection === undefined) throw this.#problem ?? new LogUnavailableError('not connected yet');
    return this.#connection;
  }

  /** Resolves after the first attempt to connect, whether it succeeded or not. */
  async attempted(): Promise<void> {
    if (this.#connection !== undefined || this.#problem !== undefined) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#problem = new LogUnavailableError('closed');
    this.#changed();
  }

  async #run(library: AmqpLibrary): Promise<void> {
    const { signal } = this.#stop;
    const { addresses } = this.settings;
    // Pods spread over the nodes.
    let next = Math.floor(Math.random() * addresses.length);
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      const address = addresses[next % addresses.length];
      if (address === undefined) return;
      next += 1;
      try {
        const connection = await Connection.open(library, address, this.settings, this.purpose, signal);
        await this.#use(connection, address);
        pause = FIRST_PAUSE;
      } catch (error) {
        this.#problem = problemAt(address, error);
        this.#changed();
      }
      // Jitter: many pods lose their connections at the same time.
      await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  /** Resolves when the connection is lost. */
  async #use(connection: Connection, address: Address): Promise<void> {
    const { signal } = this.#stop;
    const closed = new Promise<string>((resolve) => {
      connection.onClose = resolve;
      if (!connection.isOpen) resolve('the connection was lost');
    });
    const close = (): void => {
      connection.close().catch(() => undefined);
    };
    signal.addEventListener('abort', close);
    try {
      if (signal.aborted) close();
      const lost = closed.then((reason) => {
        throw new LogUnavailableError(reason);
      });
      await Promise.race([this.events.onOpen(connection), lost]);
      this.#connection = connection;
      this.#problem = undefined;
      this.#changed();
      this.#problem = problemAt(address, new LogUnavailableError(await closed));
    } finally {
      signal.removeEventListener('abort', close);
      this.#connection = undefined;
      await connection.close();
    }
    this.#changed();
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
    if (!this.#stop.signal.aborted) this.events.onChange();
  }
}

function problemAt({ host, port }: Address, error: unknown): LogUnavailableError {
  const message = `${host.includes(':') ? `[${host}]` : host}:${port}: ${messageOf(error)}`;
  const options = { cause: error };
  return error instanceof LogRefusedError
    ? new LogRefusedError(message, options)
    : new LogUnavailableError(message, options);
}
