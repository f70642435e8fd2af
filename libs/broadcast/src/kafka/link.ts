import { LogUnavailableError } from '../log/log-adapter.js';
import type { BrokerConnection } from './connection.js';

const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

/** Also if the broker has left the cluster. */
const CLOSED = 'the connection was closed';

/**
 * Keeps one connection to a broker: opens it when it is needed, again after it was lost, and another one before its SASL
 * session ends. After a failed attempt there is none for a pause that grows to 1 s.
 */
export class BrokerLink {
  readonly #open: (signal: AbortSignal) => Promise<BrokerConnection>;
  readonly #onLost: () => void;
  readonly #closing = new AbortController();
  #connection: BrokerConnection | undefined;
  #opening: Promise<BrokerConnection> | undefined;
  #pause = 0;
  /** As {@link performance.now}. */
  #pausedUntil = 0;
  #problem: unknown;

  /** @param onLost called when a connection is lost, or cannot be opened. */
  constructor(open: (signal: AbortSignal) => Promise<BrokerConnection>, onLost: () => void) {
    this.#open = open;
    this.#onLost = onLost;
  }

  /** Whether there is a connection now. */
  get isOpen(): boolean {
    return this.#connection?.isOpen === true;
  }

  /** @throws LogUnavailableError, at once during a pause. */
  async get(): Promise<BrokerConnection> {
    const connection = this.#connection;
    if (connection?.isOpen !== true) return this.#connect();
    // Until the new connection is there, this one is used.
    if (connection.isDue) this.#connect().catch(() => undefined);
    return connection;
  }

  /** Closes the connection until it is needed again. */
  drop(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  close(): void {
    this.#closing.abort();
    this.drop();
  }

  async #connect(): Promise<BrokerConnection> {
    if (this.#closing.signal.aborted) throw new LogUnavailableError(CLOSED);
    if (performance.now() < this.#pausedUntil) throw this.#problem;
    this.#opening ??= this.#replace().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #replace(): Promise<BrokerConnection> {
    try {
      const { signal } = this.#closing;
      const connection = await this.#open(signal);
      if (signal.aborted) {
        connection.close();
        throw new LogUnavailableError(CLOSED);
      }
      this.#pause = 0;
      this.#connection?.retire();
      this.#connection = connection;
      connection.onLost = () => {
        if (this.#connection === connection) this.#connection = undefined;
        this.#onLost();
      };
      return connection;
    } catch (error) {
      this.#problem = error;
      this.#pause = Math.min(Math.max(this.#pause * 2, FIRST_PAUSE), LONGEST_PAUSE);
      // Jitter: many pods lose their connections at the same time.
      this.#pausedUntil = performance.now() + this.#pause * (0.5 + Math.random() / 2);
      if (!this.#closing.signal.aborted) this.#onLost();
      throw error;
    }
  }
}
