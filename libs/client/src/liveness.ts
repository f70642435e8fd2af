import { isVisible } from './page.js';
import { after, now, type Cancel } from './timers.js';

/** A connection that receives nothing for this long after a ping is dead, in ms. */
export const PING_TIMEOUT = 5_000;

/** A visible page pings after this part of `welcome.ping`, because its user notices missing messages. */
export const VISIBLE_SHARE = 0.6;

/** The same when the machine wakes up, or the user returns to the page: the path is often dead then. */
const WAKE_TIMEOUT = 2_000;

/** A connection that received something within this time is not checked when the user returns, in ms. */
const FRESH = 1_000;

/** How often to find out whether the machine slept, in ms. */
const TICK = 1_000;

/** If a timer fires this much too late, in ms, received frames may still be queued: the machine slept, or the page was frozen. */
const LATE = 1_000;

/** If it is this much too late, in ms, the path may be dead as well. */
const SLEEP = 5_000;

export interface LivenessOptions {
  /** How long the gateway may be silent before a ping, in ms. */
  readonly silence: number;
  /** The longest wait for the answer to a ping, in ms. */
  readonly timeout: number;
  ping(): void;
  /** The gateway stopped responding. */
  dead(): void;
}

/** Finds out whether the path to the gateway works: pings a silent one, and after the machine slept. */
export class Liveness {
  readonly #options: LivenessOptions;
  #heardAt = now();
  #cancelTimer: Cancel = () => {};
  /** When the timer is due. */
  #dueAt = 0;
  /** When the unanswered ping was sent, and by when something must have arrived. */
  #probe: { readonly at: number; readonly until: number; readonly isRepeated: boolean } | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#watch();
  }

  /** Something arrived: any frame is a sign of life. */
  heard(): void {
    this.#heardAt = now();
  }

  /** Checks the path, unless it is known to work. */
  check(): void {
    const at = now();
    if (at - this.#heardAt < FRESH) return;
    if (this.#probe === undefined || this.#probe.until > at + WAKE_TIMEOUT) this.#ping(WAKE_TIMEOUT);
  }

  stop(): void {
    this.#cancelTimer();
  }

  /** Waits until something is due, but no longer than a tick. */
  #watch(): void {
    this.#cancelTimer();
    const at = now();
    const delay = Math.min(TICK, Math.max(0, (this.#probe?.until ?? this.#heardAt + this.#silence) - at));
    this.#dueAt = at + delay;
    this.#cancelTimer = after(delay, () => this.#tick());
  }

  get #silence(): number {
    return this.#options.silence * (isVisible() ? VISIBLE_SHARE : 1);
  }

  #tick(): void {
    const at = now();
    const late = at - this.#dueAt;
    if (this.#probe !== undefined && this.#heardAt >= this.#probe.at) this.#probe = undefined;
    if (this.#probe === undefined) {
      if (late > SLEEP) return this.#ping(WAKE_TIMEOUT);
      if (at - this.#heardAt >= this.#silence) return this.#ping(PING_TIMEOUT);
    } else if (late > LATE && !this.#probe.isRepeated) {
      return this.#ping(WAKE_TIMEOUT, true);
    } else if (at >= this.#probe.until) {
      return this.#options.dead();
    }
    this.#watch();
  }

  /**
   * @param isRepeated whether it repeats a ping without an answer, because a timer was late. This happens once: browsers
   *   delay the timers of hidden pages, and then each of them is late.
   */
  #ping(limit: number, isRepeated = false): void {
    const at = now();
    this.#probe = { at, until: at + Math.min(limit, this.#options.timeout), isRepeated };
    this.#options.ping();
    this.#watch();
  }
}
