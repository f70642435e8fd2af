/** Cancels what returned it. Calling it twice, or too late, has no effect. */
export type Cancel = () => void;

/** A timer is checked at least this often, in ms: timers stand still while the machine sleeps, but deadlines do not. */
const CHECK_INTERVAL = 5_000;

/** The clocks may differ by this much, in ms, before it counts as sleep: browsers round both of them. */
const TOLERANCE = 250;

let slept = 0;
let lastOffset = Date.now() - performance.now();

/**
 * The time in ms, including the time that the machine slept. `performance.now()` stands still during sleep on most
 * systems (https://w3c.github.io/hr-time, section 9), and `Date.now()` follows changes of the system's clock: setting it
 * back has no effect here, and setting it forward counts as sleep.
 */
export function now(): number {
  const monotonic = performance.now();
  const offset = Date.now() - monotonic;
  const jump = offset - lastOffset;
  if (Math.abs(jump) > TOLERANCE) {
    lastOffset = offset;
    if (jump > 0) slept += jump;
  }
  return monotonic + slept;
}

/** Calls `run` once after `delay` ms of {@link now}, or up to 5 s later if the machine slept. */
export function after(delay: number, run: () => void): Cancel {
  const due = now() + delay;
  let timer: ReturnType<typeof setTimeout>;
  const wait = (left: number): void => {
    timer = setTimeout(
      () => {
        const rest = due - now();
        // A timer may fire a fraction of a millisecond early.
        if (rest >= 1) wait(rest);
        else run();
      },
      Math.min(Math.max(left, 0), CHECK_INTERVAL),
    );
  };
  wait(delay);
  return () => clearTimeout(timer);
}

/** A promise and its functions, like `Promise.withResolvers`, which Safari lacks before 17.4. */
export class Deferred<T> {
  resolve: (value: T) => void = () => {};
  reject: (error: unknown) => void = () => {};
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/** Waits for a promise, but no longer than `limit` ms: then `late` decides, by returning or by throwing. */
export function within<T>(limit: number, promise: Promise<T>, late: () => T): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = after(limit, () => resolve(new Promise((settle) => settle(late()))));
    promise.then(resolve, reject).finally(cancel);
  });
}
