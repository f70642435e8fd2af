import type { Connection } from '../client/connection.js';
import { SIGNALS_TAG, type Keyspace } from '../keyspace.js';
import { CALL_TIMEOUT } from '../topology/router.js';
import type { Topology } from '../topology/topology.js';

/** ms until it is tried again. */
const RETRY_PAUSE = 500;
/** ms in which notices of moved slots are gathered. */
const MOVED_PAUSE = 50;

/** Listens to signals, on the one node that carries them. */
export class SignalListener {
  readonly #topology: Topology;
  readonly #names: Keyspace;
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(topology: Topology, names: Keyspace) {
    this.#topology = topology;
    this.#names = names;
  }

  /** Subscribes where it is not yet. */
  attach(): void {
    const connection = this.#topology.nodeOf(SIGNALS_TAG)?.subscriber.connection;
    if (connection !== undefined && connection !== this.#connection) this.#subscribe(connection);
  }

  /** The server may have ended the subscription, if it was on this connection. */
  doubt(connection: Connection): void {
    if (connection === this.#connection) this.#again(MOVED_PAUSE);
  }

  hears(connection: Connection, wire: string): boolean {
    return connection === this.#connection && wire === this.#names.signals;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #subscribe(connection: Connection): void {
    this.#connection = connection;
    const command = this.#names.publishCommand === 'SPUBLISH' ? 'ssubscribe' : 'subscribe';
    connection.send(CALL_TIMEOUT, command, this.#names.signals).catch(() => {
      this.#topology.refresh();
      this.#again(RETRY_PAUSE);
    });
  }

  #again(pause: number): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const connection = this.#topology.nodeOf(SIGNALS_TAG)?.subscriber.connection;
      // A new one is subscribed to when it comes.
      if (connection !== undefined) this.#subscribe(connection);
    }, pause);
  }
}
