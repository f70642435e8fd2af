import type { Cancel } from './timers.js';

/**
 * Runs a callback of the application. An exception affects neither the client nor other listeners. It becomes an uncaught
 * error, as with listeners of an EventTarget.
 */
export function runSafely(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** Typed events. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(detail: never) => void>>();

  on<E extends keyof Events>(event: E, listener: (detail: Events[E]) => void): Cancel {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  emit<E extends keyof Events>(event: E, detail: Events[E]): void {
    // A copy, so that a listener added by another one only gets the next event.
    const listeners = [...(this.#listeners.get(event) ?? [])] as ((detail: Events[E]) => void)[];
    for (const listener of listeners) runSafely(() => listener(detail));
  }
}
