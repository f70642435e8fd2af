import type { FeedStats } from '../broker-stats.js';
import type { ChannelMessage } from '../delivery/subscriptions.js';
import { Repeater } from '../membership/repeater.js';
import { steadyNow } from '../steady-clock.js';
import type { Connection, Row } from './client/connection.js';
import { Link } from './client/link.js';
import { Pace } from './client/pace.js';
import type { Primary } from './client/primary.js';
import { parseMember } from './input.js';
import { fromStored } from './text.js';

/** Delivers the messages of all channels, without a break. Another one takes its place after a break. */
export interface FeedSource {
  /** Counts the sources of a pod. */
  readonly number: number;
}

/** The calls are synchronous and must not throw. */
export interface FeedEvents {
  /** There is another source. */
  onSource(): void;
  /** @param message undefined for a message that cannot be read. */
  onMessage(source: FeedSource, channel: string, message: ChannelMessage | undefined): void;
  onSignal(signal: string): void;
  /** Not everything that arrived could be delivered: positions have to be compared. */
  onCut(): void;
  /** @param lead ms by which the server's clock is ahead of {@link steadyNow}. */
  onClock(lead: number): void;
}

/** ms for one poll. */
const TIMEOUT = 1_700;
/** ms until the next poll after one that has brought something, and when nothing has come for a while. */
const SOON = 10;
const IDLE = 250;
const GROWTH = 1.5;
/** While notifications arrive, polls are only for what backends publish without one. */
const SOON_NOTIFIED = 50;
/** Rows, and bytes of payloads, of one poll. What is left out is read channel by channel. */
const MOST = 20_000;
const MOST_BYTES = 33_554_432;

/**
 * Reads what became visible between two snapshots of the database, one statement for all channels of this pod. So it misses
 * nothing that commits late, and continues where it was when its connection was lost.
 */
export class Feed {
  readonly #schema: string;
  readonly #pod: string;
  readonly #events: FeedEvents;
  readonly #link: Link;
  readonly #repeater = new Repeater(async () => this.#turn());
  #sources = 0;
  #source: FeedSource | undefined;
  #identity = '';
  #openedIdentity = '';
  #snapshot: string | null = null;
  #pause = SOON;
  readonly #pace = new Pace();
  #isAwaited = false;
  /** Resolves at the end of the next poll that has not begun yet. */
  #next = Promise.withResolvers<void>();
  /** Whether this pod is notified of publications. */
  isNotified = false;
  /** When the latest poll that left nothing unread began; as {@link performance.now}. */
  #caughtUp = performance.now();
  #entriesRead = 0;
  #recordsRead = 0;

  constructor(schema: string, pod: string, open: () => Promise<Primary>, events: FeedEvents) {
    this.#schema = schema;
    this.#pod = pod;
    this.#events = events;
    this.#link = new Link(
      async () => {
        const { connection, identity } = await open();
        this.#openedIdentity = identity;
        return connection;
      },
      () => this.#connected(),
    );
  }

  get source(): FeedSource | undefined {
    return this.#source;
  }

  get reconnects(): number {
    return this.#link.reconnects;
  }

  get problem(): string | undefined {
    return this.#link.problem ?? (this.#source === undefined ? 'not read from the server yet' : undefined);
  }

  get stats(): Pick<FeedStats, 'lag' | 'entriesRead' | 'recordsRead'> {
    const lag = performance.now() - this.#caughtUp;
    return { lag, entriesRead: this.#entriesRead, recordsRead: this.#recordsRead };
  }

  start(): void {
    this.#link.start();
    this.#repeater.start();
  }

  async close(): Promise<void> {
    this.#next.resolve();
    await Promise.all([this.#repeater.close(), this.#link.close()]);
  }

  /** Something was published. */
  wake(): void {
    this.#pause = this.#soon;
    this.#repeater.wake();
  }

  /** The server may have lost what this pod is subscribed to. */
  restart(): void {
    if (this.#source === undefined) return;
    this.#begin();
  }

  /** Resolves when everything that is visible now was delivered; or after a while, if that is not possible. */
  async caughtUp(): Promise<void> {
    if (this.#link.connection === undefined) return;
    this.#isAwaited = true;
    this.#repeater.wake();
    await this.#next.promise;
  }

  get #soon(): number {
    return this.isNotified ? SOON_NOTIFIED : SOON;
  }

  #connected(): void {
    // Other data: what the former snapshot says does not count there.
    if (this.#identity !== this.#openedIdentity) {
      this.#identity = this.#openedIdentity;
      this.#snapshot = null;
    }
    this.wake();
  }

  /** @returns ms until the next poll. */
  async #turn(): Promise<number> {
    const { wait } = this.#pace;
    if (wait > 0 && !this.#isAwaited) return wait;
    this.#pace.begin();
    this.#isAwaited = false;
    const finished = this.#next;
    this.#next = Promise.withResolvers();
    try {
      const { connection } = this.#link;
      if (connection === undefined) return IDLE;
      const hasBrought = await this.#poll(connection);
      this.#pace.end();
      this.#pause = hasBrought ? this.#soon : Math.min(this.#pause * GROWTH, IDLE);
    } catch {
      // The link opens another connection.
    } finally {
      finished.resolve();
    }
    return this.#pause;
  }

  #begin(): void {
    this.#sources += 1;
    this.#source = { number: this.#sources };
    this.#events.onSource();
  }

  /** @returns whether anything arrived. */
  async #poll(connection: Connection): Promise<boolean> {
    const started = performance.now();
    const text = `select kind, channel, epoch, n, at, body from ${this.#schema}.poll_1($1, $2, $3, $4)`;
    const [first, ...rows] = await connection.query(TIMEOUT, text, [this.#pod, this.#snapshot, MOST, MOST_BYTES]);
    const [, , , , clock, body] = first ?? [];
    if (typeof body !== 'string') return false;
    this.#events.onClock(Number(clock) - steadyNow() + (performance.now() - started) / 2);
    const former = this.#snapshot;
    this.#snapshot = body;
    if (former === null || nextOf(body) < nextOf(former)) {
      this.#begin();
      return false;
    }
    const isCut = this.#deliver(rows);
    if (!isCut) this.#caughtUp = started;
    return rows.length > 0;
  }

  /** @returns whether not everything could be read. */
  #deliver(rows: readonly Row[]): boolean {
    const source = this.#source;
    if (source === undefined) return true;
    if (rows.length > 0) this.#entriesRead += 1;
    this.#recordsRead += rows.length;
    let isCut = rows.length >= MOST;
    for (const [kind, stored, epoch, offset, time, body] of rows) {
      const channel = fromStored(String(stored));
      if (typeof body !== 'string') isCut = true;
      else if (kind === 's') this.#events.onSignal(fromStored(body));
      else if (kind === 'p') {
        const publication = { offset: Number(offset), time: Number(time), payload: fromStored(body) };
        this.#events.onMessage(source, channel, { kind: 'publication', epoch: String(epoch), publication });
      } else {
        const member = parseMember(fromStored(body));
        this.#events.onMessage(source, channel, member && { kind: kind === 'j' ? 'join' : 'leave', member });
      }
    }
    if (isCut) this.#events.onCut();
    return isCut;
  }
}

/** The first transaction that had not begun at a snapshot `XMIN:XMAX:RUNNING,…`. It is lower after a restore from a backup. */
function nextOf(snapshot: string): bigint {
  return BigInt(snapshot.split(':')[1] ?? '0');
}
