import { setTimeout as sleep } from 'node:timers/promises';
import { podTag, PODS_TAG, type Names, type PodIndexKind } from './names.js';
import type { PodIndex } from './pod-index.js';
import type { Presence } from './presence.js';
import type { ConnectionRegistry } from './registry.js';
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

/** Says that this pod is alive, and sweeps up after those that are not. */
export class PodLease {
  readonly #router: Router;
  readonly #names: Names;
  readonly #pod: string;
  readonly #index: PodIndex;
  readonly #presence: Presence;
  readonly #registry: ConnectionRegistry;
  readonly #onLapsed: () => void;
  readonly #stop = new AbortController();
  /** Whether other pods have been told of this one. */
  #isAnnounced = false;
  #doubtful = false;
  #running: Promise<void> | undefined;
  #wake: () => void = () => {};

  /** @param onLapsed called when the server does not know this pod any more. */
  constructor(
    router: Router,
    names: Names,
    pod: string,
    held: { readonly index: PodIndex; readonly presence: Presence; readonly registry: ConnectionRegistry },
    onLapsed: () => void,
  ) {
    this.#router = router;
    this.#names = names;
    this.#pod = pod;
    this.#index = held.index;
    this.#presence = held.presence;
    this.#registry = held.registry;
    this.#onLapsed = onLapsed;
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

  /**
   * Leaves the members to the lease: clients of a pod that goes come back elsewhere under their sessions, and the others
   * are swept up when it ends. The channels, and the connections, are over now.
   */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
    if (this.#running === undefined) return;
    await Promise.allSettled([this.#index.withdraw(), this.#registry.withdraw()]);
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
    this.#isAnnounced = true;
    if (lapsed === 1) {
      this.#onLapsed();
      this.#doubtful = true;
    }
    if (this.#doubtful) this.#index.doubt();
    await this.#index.settle(UNSWEPT_TTL);
    await this.#presence.catchUp();
    await this.#registry.catchUp();
    if (this.#doubtful) {
      this.#doubtful = false;
      try {
        await this.#presence.restore();
        await this.#registry.restore();
      } catch (error) {
        this.#doubtful = true;
        throw error;
      }
    }
    await this.#presence.prolong(PROLONG_STEPS);
    await this.#registry.prolong(PROLONG_STEPS);
    for (const pod of dead) await this.#sweep(pod);
  }

  async #sweep(dead: string): Promise<void> {
    const rooms = await this.#listed(dead, 'rooms');
    await inChunks(rooms, async (channel) => this.#presence.sweep(channel, dead));
    const users = await this.#listed(dead, 'users');
    await inChunks(users, async (user) => this.#registry.sweep(user, dead));
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
