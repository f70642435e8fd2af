import { Repeater } from './repeater.js';

/** ms for which a pod counts as alive after a heartbeat. */
export const LEASE = 15_000;
const INTERVAL = 5_000;
const RETRY_INTERVAL = 1_000;

/** What a heartbeat finds out. */
export interface Heartbeat {
  /**
   * Names this lease, from its beginning until the store forgets it or another pod begins to sweep it up. It is the nonce of
   * the heartbeat that began it. So a loss is noticed even if the answer that would have reported it first never came.
   */
  readonly birth: string;
  /** Whether another pod is still sweeping this one up. */
  readonly contested: boolean;
  /** Dead pods that this one is to sweep up. */
  readonly dead: readonly string[];
}

export interface LeaseStore {
  /** Prolongs the lease by {@link LEASE}. @param nonce never used before by this pod. */
  beat(nonce: string): Promise<Heartbeat>;
}

/** The calls are synchronous and must not throw. */
export interface LeaseEvents {
  /** The store does not know this pod any more, or not yet. */
  onForgotten(): void;
  /**
   * What was written until now may be lost, and is to be written again; what is written from now on is not.
   *
   * @param isFirst whether the pod has only just begun.
   */
  onLost(isFirst: boolean): void;
  onDead(pods: readonly string[]): void;
}

/** Says that this pod is alive, and nothing else: no other work can delay a heartbeat. */
export class PodLease {
  readonly #store: LeaseStore;
  readonly #events: LeaseEvents;
  readonly #repeater = new Repeater(async () => this.#beat());
  #beats = 0;
  #birth: string | undefined;
  #isFirst = true;
  /** Whether the store may have lost what was written. */
  #doubtful = false;

  constructor(store: LeaseStore, events: LeaseEvents) {
    this.#store = store;
    this.#events = events;
  }

  /** Why this pod does not count yet; undefined if it does. */
  get problem(): string | undefined {
    return this.#birth === undefined ? 'not announced to the other pods yet' : undefined;
  }

  start(): void {
    this.#repeater.start();
  }

  /** The store can be asked again. @param hasLost whether it may have lost what this pod wrote. */
  onConnected(hasLost: boolean): void {
    if (hasLost) this.#doubtful = true;
    this.#repeater.wake();
  }

  /** The lease runs out by itself. */
  async close(): Promise<void> {
    await this.#repeater.close();
  }

  /** @returns ms until the next one: counted from when this one was sent, however long its answer takes. */
  async #beat(): Promise<number> {
    const sent = performance.now();
    this.#beats += 1;
    try {
      const { birth, contested, dead } = await this.#store.beat(`${this.#beats}`);
      if (birth !== this.#birth) {
        this.#birth = birth;
        this.#doubtful = true;
        this.#events.onForgotten();
      }
      // What is put back now might still be swept up.
      if (contested) return RETRY_INTERVAL;
      this.#reportLoss();
      if (dead.length > 0) this.#events.onDead(dead);
      return Math.max(0, INTERVAL - (performance.now() - sent));
    } catch {
      // Even if the store is away for a moment only: leases must not lapse.
      return RETRY_INTERVAL;
    }
  }

  #reportLoss(): void {
    if (!this.#doubtful) return;
    this.#doubtful = false;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    this.#events.onLost(isFirst);
  }
}
