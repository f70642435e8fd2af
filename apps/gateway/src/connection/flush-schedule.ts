/** What has something to write. */
export interface Flushable {
  /** How many frames wait to be written. */
  readonly waiting: number;
  flush(): void;
}

/**
 * After a flush of many sockets the next one rests for so long for each of them, so that writing takes a fifth of a core or less and
 * what is published meanwhile goes out with it, as one write per socket. A write of Node costs about 5 µs.
 */
const REST_MS_PER_WRITE = 0.025;
/** The most that a message waits for it. */
const MAX_REST_MS = 5;
/** Timers know nothing shorter: fewer sockets are written to at the end of every turn. */
const MIN_REST_MS = 1;
/** A rest after which a write held fewer frames on average was for nothing: each socket gets its messages farther apart. */
const WORTH_FRAMES = 1.5;
/** So long there is no rest then. */
const NO_REST_MS = 100;

/** Decides when the sockets of a gateway are written to. */
export class FlushSchedule {
  private readonly waiting: Flushable[] = [];
  /** Whether the next flush comes after a rest. */
  private rested = false;
  private restUntil = 0;
  private noRestUntil = 0;
  private readonly flushAll = (): void => this.flush();

  /** Flushes it at the end of this turn of the event loop, or a moment later. To be called once until that has happened. */
  add(flushable: Flushable): void {
    if (this.waiting.push(flushable) > 1) return;
    const rest = this.restUntil === 0 ? 0 : this.restUntil - performance.now();
    this.rested = rest > 0;
    if (this.rested) setTimeout(this.flushAll, rest);
    else setImmediate(this.flushAll);
  }

  private flush(): void {
    // A flush may close a connection, and that may queue nothing new: all in the list are taken exactly once.
    const flushables = this.waiting.splice(0);
    let frames = 0;
    for (const flushable of flushables) {
      frames += flushable.waiting;
      flushable.flush();
    }
    const rest = Math.min(MAX_REST_MS, flushables.length * REST_MS_PER_WRITE);
    this.restUntil = 0;
    if (rest < MIN_REST_MS) return;
    const now = performance.now();
    if (this.rested && frames < flushables.length * WORTH_FRAMES) this.noRestUntil = now + NO_REST_MS;
    if (now >= this.noRestUntil) this.restUntil = now + rest;
  }
}
