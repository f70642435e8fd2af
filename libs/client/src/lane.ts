import type { Position } from '@holdfast/protocol';
import { Backoff, type BackoffOptions } from './backoff.js';
import type { Connection } from './connection.js';
import { HoldfastError } from './errors.js';
import { after, Deferred, now, type Cancel } from './timers.js';

/** These codes mean that nothing was stored; after any other failure it may have been. */
const NOT_STORED: ReadonlySet<string> = new Set([
  'unavailable',
  'overloaded',
  'draining',
  'rate_limited',
  'out_of_order',
]);

/** The number of publishes under way at once: enough for 600 a second over a round trip of 100 ms. */
const WINDOW = 64;

interface Entry {
  readonly json: string;
  readonly end: string;
  readonly key: string;
  readonly settle: Deferred<Position>;
  /** The connection that it is under way on. */
  sentOn: Connection | undefined;
  /** Whether it may already be stored, and by which publisher. */
  doubtful: string | undefined;
  /** When the gateway may have forgotten the key. Counts from the first attempt, and before that from the call. */
  deadline: number;
  wasSent: boolean;
  cancelDeadline: Cancel;
}

export interface LaneOptions {
  readonly backoff: BackoffOptions;
  /** The connection to publish on. */
  readonly connection: () => Connection | undefined;
  /** How long the gateway remembers a key, in ms. */
  readonly keyWindow: () => number;
  /** Whether all channels together must slow down. */
  readonly isPaced: () => boolean;
  /** Reserves the next moment at which any channel may publish. @returns how long to wait for it, in ms. */
  readonly nextTurn: (interval?: number) => number;
  /** An entry was settled. */
  readonly settled: () => void;
}

/**
 * The publishes of one channel, in order. They are pipelined: each names the one before it, so that the gateway refuses
 * what follows a failed one. After a failure only the first is under way until it is through.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #backoff: Backoff;
  readonly #queue: Entry[] = [];
  #isCautious = false;
  #cancelRetry: Cancel | undefined;
  #closed: HoldfastError | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /**
   * Queues a publish.
   *
   * @param json its members except for `after`, without the closing brace.
   * @param end the closing brace, and after it what else the frame has.
   */
  add(json: string, key: string, end: string): Promise<Position> {
    const entry: Entry = {
      json,
      end,
      key,
      settle: new Deferred(),
      sentOn: undefined,
      doubtful: undefined,
      deadline: 0,
      wasSent: false,
      cancelDeadline: () => {},
    };
    this.#limit(entry);
    this.#queue.push(entry);
    this.#send();
    return entry.settle.promise;
  }

  /** Called when there is a connection to publish on. */
  flush(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#send();
  }

  /** Rejects all waiting publishes at once, and those under way if they fail. */
  close(error: HoldfastError): void {
    this.#closed = error;
    this.#cancelRetry?.();
    for (const entry of this.#queue.filter(({ sentOn }) => sentOn === undefined)) this.#reject(entry, error);
  }

  /** @param isItsTurn whether this channel has waited for its turn. */
  #send(isItsTurn = false): void {
    const connection = this.#options.connection();
    if (!connection || this.#cancelRetry || this.#closed) return;
    const { welcome } = connection;
    // Those under way come first, or one of them has failed: then wait for the replies to all others.
    const underWay = this.#queue.filter(({ sentOn }) => sentOn !== undefined).length;
    const limit = this.#isCautious || welcome?.pipelining !== true ? 1 : WINDOW;
    for (let index = underWay; index < limit; index += 1) {
      const [previous, entry] = [this.#queue[index - 1], this.#queue[index]];
      if (!entry || entry.sentOn || (previous && previous.sentOn !== connection)) return;
      const publisher = welcome?.user ?? welcome?.client ?? '';
      // Keys belong to a publisher, and are forgotten: another attempt could store the message twice.
      if (now() >= entry.deadline || (entry.doubtful !== undefined && entry.doubtful !== publisher)) {
        return this.#expire(entry);
      }
      if (this.#options.isPaced() && !isItsTurn) {
        this.#cancelRetry = after(this.#options.nextTurn(), () => this.#turn(true));
        return;
      }
      isItsTurn = false;
      this.#transmit(entry, connection, publisher, previous?.key);
    }
  }

  #turn(isItsTurn: boolean): void {
    this.#cancelRetry = undefined;
    this.#send(isItsTurn);
  }

  #transmit(entry: Entry, connection: Connection, publisher: string, previous: string | undefined): void {
    entry.sentOn = connection;
    if (!entry.wasSent) {
      entry.wasSent = true;
      this.#limit(entry);
    }
    const order = previous === undefined ? '' : `,"after":${JSON.stringify(previous)}`;
    connection.request('publish', `${entry.json}${order}${entry.end}`, {
      done: (position) => {
        this.#isCautious = false;
        this.#backoff.reset();
        this.#settle(entry, () => entry.settle.resolve(position));
      },
      failed: (error) => {
        entry.sentOn = undefined;
        if (!NOT_STORED.has(error.code)) entry.doubtful ??= publisher;
        this.#failed(entry, error);
      },
    });
  }

  #failed(entry: Entry, error: HoldfastError): void {
    if (!this.#queue.includes(entry)) return;
    const final = error.retryable ? this.#closed : error;
    if (final !== undefined) return this.#reject(entry, final);
    this.#isCautious = true;
    // After `out_of_order` the one before it is retried first. After a disconnect there may already be another connection.
    if (error.code === 'out_of_order' || error.code === 'disconnected') return this.#send();
    if (this.#cancelRetry) return;
    const { interval } = error;
    const delay = interval === undefined ? this.#backoff.next() : this.#options.nextTurn(interval);
    this.#cancelRetry = after(delay, () => this.#turn(interval !== undefined));
  }

  #limit(entry: Entry): void {
    const window = this.#options.keyWindow();
    entry.cancelDeadline();
    entry.deadline = now() + window;
    entry.cancelDeadline = after(window, () => this.#expire(entry));
  }

  /** The gateway may have forgotten the key, so another attempt could store the message twice. */
  #expire(entry: Entry): void {
    const isUnknown = entry.doubtful !== undefined || entry.sentOn !== undefined;
    const error = isUnknown
      ? new HoldfastError('unknown', 'not confirmed while its key is remembered: it may have been stored')
      : new HoldfastError('unavailable', 'no gateway accepted it in time: it was not stored', { retryable: true });
    this.#reject(entry, error);
  }

  #reject(entry: Entry, error: HoldfastError): void {
    this.#settle(entry, () => entry.settle.reject(error));
  }

  #settle(entry: Entry, settle: () => void): void {
    const index = this.#queue.indexOf(entry);
    if (index === -1) return;
    this.#queue.splice(index, 1);
    entry.cancelDeadline();
    settle();
    this.#options.settled();
    this.#send();
  }
}
