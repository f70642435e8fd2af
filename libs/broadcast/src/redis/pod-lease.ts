import { setTimeout as sleep } from 'node:timers/promises';
import type { Holdings, HoldingsContext } from './holdings.js';
import { podTag, PODS_TAG, type Names, type PodIndexKind } from './names.js';
import type { PodIndex } from './pod-index.js';
import type { Router } from './router.js';
import { SCRIPTS } from './scripts/index.js';

/** ms for which a pod that says nothing counts as alive. */
const LEASE = 15_000;
const INTERVAL = 5_000;
const RETRY_INTERVAL = 1_000;
/** ms for which one pod has the task to sweep up after another. */
const CLAIM = 10_000;
/** ms for which keys are kept that nobody sweeps up, as no pod is left. */
export const UNSWEPT_TTL = 3_600_000;
/** Heartbeats in which all keys are prolonged: 10 minutes. */
const PROLONG_STEPS = 120;
const CHUNK = 50;

export interface PodLeaseEvents {
  /** The server does not know this pod any more. */
  onLapsed(): void;
  /** What the server may have lost of this pod's is there again. */
  onRestored(): void;
}

/** Says that this pod is alive, and sweeps up after those that are not. */
export class PodLease {
  readonly #router: Router;
  readonly #names: Names;
  readonly #pod: string;
  readonly #index: PodIndex;
  readonly #holdings: readonly Holdings<{ readonly holder: string }>[];
  readonly #events: PodLeaseEvents;
  readonly #stop = new AbortController();
  /** Whether other pods have been told of this one. */
  #isAnnounced = false;
  #doubtful = false;
  #running: Promise<void> | undefined;
  #wake: () => void = () => {};

  constructor(
    { router, names, pod, index }: HoldingsContext,
    holdings: readonly Holdings<{ readonly holder: string }>[],
    events: PodLeaseEvents,
  ) {
    this.#router = router;
    this.#names = names;
    this.#pod = pod;
    this.#index = index;
    this.#holdings = holdings;
    this.#events = events;
  }

  /** Why this pod does not count yet; undefined where it does. */
  get problem(): string | undefined {
    return this.#isAnnounced ? undefined : 'not announced to the other pods yet';
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** The server can be asked again. @param hasLost whether it may have lost what this pod holds. */
  onConnected(hasLost: boolean): void {
    if (hasLost) this.#doubtful = true;
    this.#wake();
  }

  /** Which pods are alive now. */
  async alive(): Promise<ReadonlySet<string>> {
    const answer = await this.#router.run({ tag: PODS_TAG, script: SCRIPTS.ALIVE, keys: [this.#names.pods] });
    return new Set(answer as string[]);
  }

  /** Leaves what this pod holds to the lease. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      let pause = INTERVAL;
      try {
        await this.#beat();
      } catch {
        // Also when it is only away for a moment: leases must not lapse.
        pause = RETRY_INTERVAL;
      }
      if (signal.aborted) return;
      const timer = new AbortController();
      await Promise.race([woken, sleep(pause, undefined, { signal: timer.signal }).catch(() => undefined)]);
      timer.abort();
    }
  }

  async #beat(): Promise<void> {
    const answer = (await this.#router.run({
      tag: PODS_TAG,
      script: SCRIPTS.HEARTBEAT,
      keys: [this.#names.pods],
      args: [this.#pod, LEASE, this.#names.sweeps, CLAIM],
    })) as [number, ...string[]];
    const [lapsed, ...dead] = answer;
    const isFirst = !this.#isAnnounced;
    this.#isAnnounced = true;
    if (lapsed === 1) {
      this.#events.onLapsed();
      this.#doubtful = true;
    }
    await (this.#doubtful ? this.#restore(isFirst) : this.#index.settle(UNSWEPT_TTL));
    for (const holdings of this.#holdings) await holdings.catchUp();
    for (const holdings of this.#holdings) await holdings.prolong(PROLONG_STEPS);
    for (const pod of dead) await this.#sweep(pod);
  }

  /** The server may have lost what this pod holds, or that it holds it no more. */
  async #restore(isFirst: boolean): Promise<void> {
    this.#doubtful = false;
    try {
      const noted = await Promise.all(this.#holdings.map(async ({ kind }) => this.#listed(this.#pod, kind)));
      this.#index.doubt();
      await this.#index.settle(UNSWEPT_TTL);
      for (const [index, holdings] of this.#holdings.entries()) await holdings.restore(noted[index] ?? []);
    } catch (error) {
      this.#doubtful = true;
      throw error;
    }
    if (!isFirst) this.#events.onRestored();
  }

  async #sweep(dead: string): Promise<void> {
    for (const holdings of this.#holdings) {
      const groups = await this.#listed(dead, holdings.kind);
      await inChunks(groups, async (group) => holdings.sweep(group, dead));
    }
    const args = [dead, this.#names.sweeps];
    const buried = await this.#router.run({ tag: PODS_TAG, script: SCRIPTS.BURY, keys: [this.#names.pods], args });
    if (buried !== 1) return;
    const kinds: readonly PodIndexKind[] = ['channels', 'rooms', 'users'];
    await inChunks(kinds, async (kind) => this.#router.command(podTag(dead), 'del', this.#names.podIndex(dead, kind)));
  }

  async #listed(pod: string, kind: PodIndexKind): Promise<string[]> {
    return (await this.#router.command(podTag(pod), 'zrange', this.#names.podIndex(pod, kind), 0, -1)) as string[];
  }
}

async function inChunks<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let start = 0; start < items.length; start += CHUNK) {
    await Promise.all(items.slice(start, start + CHUNK).map(work));
  }
}
