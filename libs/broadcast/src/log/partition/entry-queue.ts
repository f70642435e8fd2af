import type { LogEntry } from '../log-adapter.js';

/** ms of processing before other work gets its turn. */
const SLICE = 15;

/** Entries that wait to be processed, in order and in slices of time. */
export class EntryQueue {
  readonly #process: (entry: LogEntry) => void;
  readonly #onEmpty: () => void;
  #entries: LogEntry[] = [];
  /** The index of the next one. */
  #next = 0;
  #isDraining = false;
  #isPaused = false;

  /** @param process may call any method of the queue. @param onEmpty is called whenever everything is processed. */
  constructor(process: (entry: LogEntry) => void, onEmpty: () => void) {
    this.#process = process;
    this.#onEmpty = onEmpty;
  }

  /** Whether nothing waits, and nothing is being processed that takes longer. */
  get isIdle(): boolean {
    return !this.#isPaused && this.#next >= this.#entries.length;
  }

  push(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.#entries.push(entry);
    if (!this.#isDraining) this.#drain();
  }

  /** Entries that come before those that wait. */
  unshift(entries: readonly LogEntry[]): void {
    this.#entries = [...entries, ...this.#entries.slice(this.#next)];
    this.#next = 0;
    if (!this.#isDraining) this.#drain();
  }

  /** Forgets what waits, and ends a pause. */
  clear(): void {
    this.#entries = [];
    this.#next = 0;
    this.#isPaused = false;
  }

  /** Keeps what waits, and what is pushed, until {@link resume}. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isDraining) this.#drain();
  }

  #drain(): void {
    this.#isDraining = true;
    const until = performance.now() + SLICE;
    while (!this.#isPaused && this.#next < this.#entries.length && performance.now() < until) {
      const entry = this.#entries[this.#next];
      this.#next += 1;
      if (entry !== undefined) this.#process(entry);
    }
    this.#entries = this.#entries.slice(this.#next);
    this.#next = 0;
    if (this.#isPaused || this.#entries.length === 0) {
      this.#isDraining = false;
      if (!this.#isPaused) this.#onEmpty();
    } else setImmediate(() => this.#drain());
  }
}
