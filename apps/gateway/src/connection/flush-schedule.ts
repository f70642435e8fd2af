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

const waiting: Flushable[] = [];
/** Whether the next flush comes after a rest. */
let rested = false;
let restUntil = 0;
let noRestUntil = 0;

/** Has it flushed at the end of this turn of the event loop, or a moment later. To be called once until it is. */
export function flushSoon(flushable: Flushable): void {
  if (waiting.push(flushable) > 1) return;
  const rest = restUntil === 0 ? 0 : restUntil - performance.now();
  rested = rest > 0;
  if (rested) setTimeout(flushAll, rest);
  else setImmediate(flushAll);
}

function flushAll(): void {
  // A flush may close a connection, and that may queue nothing new: all in the list are taken exactly once.
  const flushables = waiting.splice(0);
  let frames = 0;
  for (const flushable of flushables) {
    frames += flushable.waiting;
    flushable.flush();
  }
  const rest = Math.min(MAX_REST_MS, flushables.length * REST_MS_PER_WRITE);
  restUntil = 0;
  if (rest < MIN_REST_MS) return;
  const now = performance.now();
  if (rested && frames < flushables.length * WORTH_FRAMES) noRestUntil = now + NO_REST_MS;
  if (now >= noRestUntil) restUntil = now + rest;
}
