import { Injectable } from '@nestjs/common';

/** Something that has frames to write. */
export interface Flushable {
  /** How many frames wait to be written. */
  readonly waiting: number;
  flush(): void;
}

/**
 * After a flush of many sockets the next one waits for this long per socket. So writing takes at most a fifth of a
 * core, and what is published meanwhile goes out with it, in one write per socket. A write of Node takes about 5 µs.
 */
const REST_MS_PER_WRITE = 0.025;
/** The longest delay of a message because of it. */
const MAX_REST_MS = 5;
/** Timers cannot be shorter, so fewer sockets than this takes are flushed at the end of every turn. */
const MIN_REST_MS = 1;
/**
 * If a write after a rest held fewer frames on average, the rest achieved nothing: the messages of each socket are too
 * far apart.
 */
const WORTH_FRAMES = 1.5;
/** How long there is no rest after one that achieved nothing. */
const NO_REST_MS = 100;

/** Decides when the sockets of a gateway are written to. */
@Injectable()
export class FlushSchedule {
  private readonly waiting: Flushable[] = [];
  private readonly flushed: (() => void)[] = [];
  /** Whether the next flush comes after a rest. */
  private rested = false;
  private restUntil = 0;
  private noRestUntil = 0;
  private readonly flushAll = (): void => this.flush();

  /** Flushes at the end of this turn of the event loop, or a moment later. Must not be called again before that. */
  add(flushable: Flushable): void {
    if (this.waiting.push(flushable) > 1) return;
    const rest = this.restUntil === 0 ? 0 : this.restUntil - performance.now();
    this.rested = rest > 0;
    if (this.rested) setTimeout(this.flushAll, rest);
    else setImmediate(this.flushAll);
  }

  /** Calls `done` after the next flush, or at once if nothing waits for one. */
  whenFlushed(done: () => void): void {
    if (this.waiting.length === 0) done();
    else this.flushed.push(done);
  }

  private flush(): void {
    // A flush may close a connection, but queues nothing new, so everything in the list is flushed exactly once.
    const flushables = this.waiting.splice(0);
    let frames = 0;
    for (const flushable of flushables) {
      frames += flushable.waiting;
      flushable.flush();
    }
    if (this.flushed.length > 0) for (const done of this.flushed.splice(0)) done();
    const rest = Math.min(MAX_REST_MS, flushables.length * REST_MS_PER_WRITE);
    this.restUntil = 0;
    if (rest < MIN_REST_MS) return;
    const now = performance.now();
    if (this.rested && frames < flushables.length * WORTH_FRAMES) this.noRestUntil = now + NO_REST_MS;
    if (now >= this.noRestUntil) this.restUntil = now + rest;
  }
}
