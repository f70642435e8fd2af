import type { Cancel } from './timers.js';

/**
 * Runs a callback of the application. An exception affects neither the client nor other listeners. It becomes an uncaught
 * error, as with listeners of an EventTarget.
 */
export function runSafely(run: () => void): void {
  try {
    run();
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}

/** Typed events. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<{ readonly listener: (detail: never) => void }>>();

  on<E extends keyof Events>(event: E, listener: (detail: Events[E]) => void): Cancel {
    const listeners = this.#listeners.get(event) ?? new Set();
    // An object of its own, because a listener may be added twice.
    const entry = { listener };
    this.#listeners.set(event, listeners.add(entry));
    return () => listeners.delete(entry);
  }

  /** @returns whether anybody listens. */
  emit<E extends keyof Events>(event: E, detail: Events[E]): boolean {
    // A copy, so that a listener added by another one only gets the next event.
    const entries = [...(this.#listeners.get(event) ?? [])] as { listener: (detail: Events[E]) => void }[];
    for (const { listener } of entries) runSafely(() => listener(detail));
    return entries.length > 0;
  }
}
