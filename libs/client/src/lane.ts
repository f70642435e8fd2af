import type { Position } from '@holdfast/protocol';
import { Backoff, type BackoffOptions } from './backoff.js';
import type { Connection } from './connection.js';
import { HoldfastError } from './errors.js';
import { after, type Cancel } from './timers.js';

/** These codes mean that nothing was stored; after any other failure it may have been. */
const NOT_STORED: ReadonlySet<string> = new Set(['unavailable', 'overloaded', 'draining', 'rate_limited']);

interface Entry {
  readonly json: string;
  readonly settle: PromiseWithResolvers<Position>;
  wasSent: boolean;
  /** Whether it may already be stored. */
  isInDoubt: boolean;
  cancelDeadline: Cancel;
}

export interface LaneOptions {
  readonly backoff: BackoffOptions;
  /** The connection to publish on. */
  readonly connection: () => Connection | undefined;
  /** How long the gateway remembers a key, in ms. */
  readonly keyWindow: () => number;
  /** An entry was settled. */
  readonly settled: () => void;
}

/**
 * The publishes of one channel, in order. Only the first is in progress, because another one would overtake it if it had
 * to be retried.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #backoff: Backoff;
  readonly #queue: Entry[] = [];
  #underWay: Entry | undefined;
  #cancelRetry: Cancel | undefined;
  #closed: HoldfastError | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.backoff);
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Queues a publish, whose key is part of `json`. */
  add(json: string): Promise<Position> {
    const entry: Entry = {
      json,
      settle: Promise.withResolvers(),
      wasSent: false,
      isInDoubt: false,
      cancelDeadline: after(this.#options.keyWindow(), () => this.#expire(entry)),
    };
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

  /** Rejects all waiting publishes at once, and the one in progress if it fails. */
  close(error: HoldfastError): void {
    this.#closed = error;
    this.#cancelRetry?.();
    const waiting = this.#queue.filter((entry) => entry !== this.#underWay);
    for (const entry of waiting) this.#settle(entry, ({ reject }) => reject(error));
  }

  #send(): void {
    const [entry] = this.#queue;
    const connection = this.#options.connection();
    if (!entry || !connection || this.#underWay || this.#cancelRetry) return;
    if (!entry.wasSent) {
      entry.wasSent = true;
      entry.cancelDeadline();
      entry.cancelDeadline = after(this.#options.keyWindow(), () => this.#expire(entry));
    }
    this.#underWay = entry;
    connection.request('publish', entry.json, {
      done: (position) => {
        this.#backoff.reset();
        this.#settle(entry, ({ resolve }) => resolve(position));
      },
      failed: (error) => this.#failed(entry, error),
    });
  }

  #failed(entry: Entry, error: HoldfastError): void {
    if (this.#underWay !== entry) return;
    this.#underWay = undefined;
    if (!NOT_STORED.has(error.code)) entry.isInDoubt = true;
    const final = error.retryable ? this.#closed : error;
    if (final !== undefined) return this.#settle(entry, ({ reject }) => reject(final));
    // Retry at once if there already is another connection.
    if (error.code === 'disconnected') return this.#send();
    this.#cancelRetry = after(this.#backoff.next(), () => this.flush());
  }

  /** The gateway may have forgotten the key, so another attempt could store the message twice. */
  #expire(entry: Entry): void {
    const isUnknown = entry.isInDoubt || entry === this.#underWay;
    const error = isUnknown
      ? new HoldfastError('unknown', 'not confirmed while its key is remembered: it may have been stored')
      : new HoldfastError('unavailable', 'no gateway accepted it in time: it was not stored', { retryable: true });
    this.#settle(entry, ({ reject }) => reject(error));
  }

  #settle(entry: Entry, how: (settle: Entry['settle']) => void): void {
    const index = this.#queue.indexOf(entry);
    if (index === -1) return;
    this.#queue.splice(index, 1);
    entry.cancelDeadline();
    if (this.#underWay === entry) this.#underWay = undefined;
    how(entry.settle);
    this.#options.settled();
    this.#send();
  }
}
