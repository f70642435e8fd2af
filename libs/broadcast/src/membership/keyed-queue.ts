/** ms before a failed key is retried for the first time; doubles with each failure. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
/** ms between two checks for keys that are due again. */
const TICK = 250;

/**
 * One turn of a key.
 *
 * @param failures how many turns of this key have failed in a row.
 * @returns whether the key needs another turn.
 */
export type Turn = (key: string, failures: number) => Promise<boolean>;

/**
 * Runs work for keys in turns. A key is queued once, however often it is added, and has one turn at a time. A key that is
 * added during its turn gets another one. A failed key waits up to 30 s and delays no other key.
 */
export class KeyedQueue {
  readonly #turn: Turn;
  readonly #concurrency: number;
  readonly #ready = new Set<string>();
  readonly #active = new Set<string>();
  readonly #again = new Set<string>();
  /** When each failed key is due, as {@link performance.now}. */
  readonly #waiting = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  #drained: (() => void)[] = [];
  #scheduled = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param concurrency turns at a time, ≥ 1. */
  constructor(turn: Turn, concurrency: number) {
    this.#turn = turn;
    this.#concurrency = concurrency;
  }

  /** How many keys have work left. */
  get size(): number {
    return this.#ready.size + this.#active.size + this.#waiting.size;
  }

  /** The turn begins when the caller has finished, so that several changes of one key share it. */
  add(key: string): void {
    if (this.#closed || this.#waiting.has(key)) return;
    if (this.#active.has(key)) this.#again.add(key);
    else this.#ready.add(key);
    this.#schedule();
  }

  /** Retries failed keys at once: the cause may be gone. */
  retryNow(): void {
    for (const key of this.#waiting.keys()) this.#ready.add(key);
    this.#waiting.clear();
    this.#schedule();
  }

  /** Resolves when every key is done or has failed, or when the queue is closed. */
  async drained(): Promise<void> {
    if (this.#isDrained) return;
    await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  /** Begins no more turns. Resolves when the running ones have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#ready.clear();
    this.#again.clear();
    this.#waiting.clear();
    this.#failures.clear();
    await this.drained();
  }

  get #isDrained(): boolean {
    return this.#ready.size === 0 && this.#active.size === 0;
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#fill();
    });
  }

  #fill(): void {
    for (const key of this.#ready) {
      if (this.#active.size >= this.#concurrency) return;
      this.#ready.delete(key);
      this.#active.add(key);
      // A failed turn is handled in there.
      this.#take(key).catch(() => undefined);
    }
  }

  async #take(key: string): Promise<void> {
    let needsTurn = false;
    try {
      needsTurn = await this.#turn(key, this.#failures.get(key) ?? 0);
      this.#failures.delete(key);
    } catch {
      this.#postpone(key);
    }
    this.#active.delete(key);
    const wasAdded = this.#again.delete(key);
    if ((needsTurn || wasAdded) && !this.#closed && !this.#waiting.has(key)) this.#ready.add(key);
    this.#fill();
    if (!this.#isDrained) return;
    const drained = this.#drained;
    this.#drained = [];
    for (const resolve of drained) resolve();
  }

  #postpone(key: string): void {
    if (this.#closed) return;
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const pause = Math.min(FIRST_PAUSE * 2 ** failures, LONGEST_PAUSE);
    // Jitter: many keys, on many pods, fail at the same time.
    this.#waiting.set(key, performance.now() + pause * (0.5 + Math.random() / 2));
    this.#arm();
  }

  /** One timer for all keys. */
  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const now = performance.now();
      for (const [key, due] of this.#waiting) {
        if (due > now) continue;
        this.#waiting.delete(key);
        this.#ready.add(key);
      }
      if (this.#waiting.size > 0) this.#arm();
      this.#fill();
    }, TICK);
  }
}
