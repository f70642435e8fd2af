import { BrokerUnavailableError } from '../errors.js';
import type { Connection } from './client/connection.js';
import { Link } from './client/link.js';
import { Pace } from './client/pace.js';

/** ms for one statement. */
const TIMEOUT = 1_700;
/** ms within which a pod hears its own notification. */
const ECHO = 1_000;
/** ms between two checks of an idle pod whether it hears anything. */
const CHECK = 10_000;

/** Begins what a pod sends only to check whether it hears itself: others ignore it. */
const CHECK_MARK = '?';

/** The calls are synchronous and must not throw. */
export interface ListenerEvents {
  /** Something was published. */
  onNotified(): void;
  /** Whether this pod hears its own notifications. */
  onHearing(isHearing: boolean): void;
}

/**
 * Wakes the feeds of other pods, and is woken by them. A notification is sent after the transaction and not in it: PostgreSQL
 * commits transactions with notifications one at a time.
 *
 * A pod that does not hear its own notifications only polls. PgBouncer in transaction mode accepts LISTEN, and delivers nothing.
 */
export class Listener {
  readonly #schema: string;
  readonly #pod: string;
  readonly #link: Link;
  readonly #events: ListenerEvents;
  #isSending = false;
  #isWanted = false;
  readonly #pace = new Pace();
  #echo: NodeJS.Timeout | undefined;
  #check: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param open a connection to the server. */
  constructor(schema: string, pod: string, open: () => Promise<Connection>, events: ListenerEvents) {
    this.#schema = schema;
    this.#pod = pod;
    this.#events = events;
    this.#link = new Link(open, (connection) => {
      connection.onNotification = (payload) => this.#notified(payload);
      this.#listen(connection).catch(() => connection.close());
    });
  }

  get reconnects(): number {
    return this.#link.reconnects;
  }

  start(): void {
    this.#link.start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#echo);
    clearTimeout(this.#check);
    await this.#link.close();
  }

  /**
   * Wakes the other pods over a connection on which a statement runs that stores something: its notification follows at once, and
   * costs no other round trip. Otherwise, or if that was just done, {@link notify} has to follow.
   *
   * @returns whether the other pods are notified of what the statement stores.
   */
  notifyAfter(connection: Connection): boolean {
    if (this.#isSending || this.#closed || this.#pace.wait > 0) return false;
    this.#isSending = true;
    this.#pace.begin();
    this.#expectEcho();
    connection
      .query(TIMEOUT, this.#statement(''))
      .catch(() => undefined)
      .finally(() => this.#sent());
    return true;
  }

  /** Wakes the other pods soon. */
  notify(): void {
    this.#isWanted = true;
    if (this.#isSending || this.#closed) return;
    this.#isSending = true;
    const { wait } = this.#pace;
    if (wait > 0) setTimeout(() => this.#send(), wait);
    else this.#send();
  }

  async #listen(connection: Connection): Promise<void> {
    await connection.query(TIMEOUT, `listen ${this.#schema}`);
    await this.#notify(connection, CHECK_MARK);
  }

  #send(): void {
    this.#pace.begin();
    this.#isWanted = false;
    this.#notify(this.#link.connection, '')
      .then(() => this.#pace.end())
      .catch(() => undefined)
      .finally(() => this.#sent());
  }

  #sent(): void {
    this.#isSending = false;
    if (this.#isWanted) this.notify();
  }

  async #notify(connection: Connection | undefined, mark: string): Promise<void> {
    if (connection === undefined) {
      this.#events.onHearing(false);
      throw new BrokerUnavailableError('not connected');
    }
    this.#expectEcho();
    await connection.query(TIMEOUT, this.#statement(mark));
  }

  /** Without parameters it is not planned. */
  #statement(mark: string): string {
    return `notify ${this.#schema}, '${mark}${this.#pod}'`;
  }

  #expectEcho(): void {
    clearTimeout(this.#check);
    this.#echo ??= setTimeout(() => {
      this.#echo = undefined;
      this.#events.onHearing(false);
      this.#checkLater();
    }, ECHO);
  }

  #notified(payload: string): void {
    if (!payload.startsWith(CHECK_MARK)) this.#events.onNotified();
    if (payload !== this.#pod && payload !== CHECK_MARK + this.#pod) return;
    clearTimeout(this.#echo);
    this.#echo = undefined;
    this.#events.onHearing(true);
    this.#checkLater();
  }

  #checkLater(): void {
    clearTimeout(this.#check);
    if (this.#closed) return;
    this.#check = setTimeout(() => {
      const { connection } = this.#link;
      this.#notify(connection, CHECK_MARK).catch(() => undefined);
    }, CHECK);
  }
}
