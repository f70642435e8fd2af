import { Repeater } from './repeater.js';

/** ms for which a pod counts as alive after a heartbeat. */
export const LEASE = 15_000;
const INTERVAL = 5_000;
const RETRY_INTERVAL = 1_000;

/** The result of a heartbeat. */
export interface Heartbeat {
  /**
   * Identifies this lease until the store forgets it or another pod begins to sweep it: the nonce of the heartbeat that began
   * it. So a loss is noticed even if the answer that would have reported it first did not arrive.
   */
  readonly birth: string;
  /** Whether another pod is still sweeping this one. */
  readonly isContested: boolean;
  /** Dead pods that this one has to sweep. */
  readonly dead: readonly string[];
}

export interface LeaseStore {
  /** Renews the lease for {@link LEASE}. @param nonce that this pod has never used before. */
  beat(nonce: string): Promise<Heartbeat>;
}

/** The calls are synchronous and must not throw. */
export interface LeaseEvents {
  /** The store did not know this pod. */
  onForgotten(): void;
  /**
   * All writes so far may be lost and have to be repeated; later ones are safe.
   *
   * @param isFirst whether the pod has only just started.
   */
  onLost(isFirst: boolean): void;
  onDead(pods: readonly string[]): void;
}

/** Sends heartbeats, and does nothing else: no other work can delay a heartbeat. */
export class PodLease {
  readonly #store: LeaseStore;
  readonly #events: LeaseEvents;
  readonly #repeater = new Repeater(async () => this.#beat());
  #beats = 0;
  #birth: string | undefined;
  #isFirst = true;
  /** Whether the store may have lost writes. */
  #doubtful = false;

  constructor(store: LeaseStore, events: LeaseEvents) {
    this.#store = store;
    this.#events = events;
  }

  /** Why this pod does not count as alive yet; undefined if it does. */
  get problem(): string | undefined {
    return this.#birth === undefined ? 'not announced to the other pods yet' : undefined;
  }

  start(): void {
    this.#repeater.start();
  }

  /** The store can be reached again. @param hasLost whether it may have lost this pod's writes. */
  onConnected(hasLost: boolean): void {
    if (hasLost) this.#doubtful = true;
    this.#repeater.wake();
  }

  /** Lets the lease expire. */
  async close(): Promise<void> {
    await this.#repeater.close();
  }

  /** @returns ms until the next heartbeat, counted from when this one was sent, however long the answer takes. */
  async #beat(): Promise<number> {
    const sent = performance.now();
    this.#beats += 1;
    try {
      const { birth, isContested, dead } = await this.#store.beat(`${this.#beats}`);
      if (birth !== this.#birth) {
        this.#birth = birth;
        this.#doubtful = true;
        this.#events.onForgotten();
      }
      // What is restored now might still be swept.
      if (isContested) return RETRY_INTERVAL;
      this.#reportLoss();
      if (dead.length > 0) this.#events.onDead(dead);
      return Math.max(0, INTERVAL - (performance.now() - sent));
    } catch {
      // Soon, as the store may be unavailable for a moment only: the lease must not lapse.
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
