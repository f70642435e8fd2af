import { STEP_TIMEOUT } from '../../call-deadlines.js';
import type { Connection } from '../client/connection.js';
import { SIGNALS_TAG, type Keyspace } from '../keyspace.js';
import type { Topology } from '../topology/topology.js';

/** ms before a failed subscription is retried. */
const RETRY_PAUSE = 500;
/** ms in which notices of moved slots are collected. */
const MOVED_PAUSE = 50;

/** Subscribes to signals on the node that serves them. */
export class SignalListener {
  readonly #topology: Topology;
  readonly #keyspace: Keyspace;
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(topology: Topology, keyspace: Keyspace) {
    this.#topology = topology;
    this.#keyspace = keyspace;
  }

  /** Subscribes if it is not subscribed yet. */
  attach(): void {
    const connection = this.#topology.nodeOf(SIGNALS_TAG)?.subscriber.connection;
    if (connection !== undefined && connection !== this.#connection) this.#subscribe(connection);
  }

  /** The server may have ended subscriptions on this connection. */
  doubt(connection: Connection): void {
    if (connection === this.#connection) this.#retryIn(MOVED_PAUSE);
  }

  isSignal(connection: Connection, pubSubChannel: string): boolean {
    return connection === this.#connection && pubSubChannel === this.#keyspace.signals;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #subscribe(connection: Connection): void {
    this.#connection = connection;
    const command = this.#keyspace.publishCommand === 'SPUBLISH' ? 'ssubscribe' : 'subscribe';
    connection.send(STEP_TIMEOUT, command, this.#keyspace.signals).catch(() => {
      this.#topology.refresh();
      this.#retryIn(RETRY_PAUSE);
    });
  }

  #retryIn(pause: number): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const connection = this.#topology.nodeOf(SIGNALS_TAG)?.subscriber.connection;
      // Without a connection there is nothing to do: a new one subscribes.
      if (connection !== undefined) this.#subscribe(connection);
    }, pause);
  }
}
