import type { IndexStore, PodIndexKind } from '../../membership/pod-index.js';
import { LEASE, type Heartbeat, type LeaseStore } from '../../membership/pod-lease.js';
import type { SweepStore } from '../../membership/upkeep.js';
import { ANSWERS } from '../input.js';
import { PODS_TAG, podTag } from '../keyspace.js';
import { SCRIPTS } from '../scripts/index.js';
import { UNSWEPT_TTL, type StoreContext } from './context.js';

/** ms for which one pod claims to sweep another; renewed at each step. */
const CLAIM = 10_000;
/** ms without a heartbeat of any pod after which the server counts as having been unreachable. */
const AWAY = 7_000;
/** ms after the end of a lease for which the pod's keys cannot have expired. */
const SAFE = UNSWEPT_TTL / 2;
const PAGE = 50;

/** Stores the leases of pods, and what each of them has. */
export class RedisPodStore implements LeaseStore, IndexStore, SweepStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async beat(nonce: string): Promise<Heartbeat> {
    const { router, keyspace, input, pod } = this.#context;
    const { pods, births, watch, sweeps } = keyspace;
    const answer = await router.run({
      tag: PODS_TAG,
      script: SCRIPTS.HEARTBEAT,
      keys: [pods, births, watch],
      args: [pod, `${pod}.${nonce}`, LEASE, sweeps, CLAIM, AWAY, SAFE],
    });
    const [birth, isContested, ...dead] = input.answer(ANSWERS.heartbeat, answer, 'pods');
    return { birth, isContested: isContested === 1, dead };
  }

  /** The pods that are alive now. */
  async alive(): Promise<ReadonlySet<string>> {
    const { router, keyspace, input } = this.#context;
    const answer = await router.run({ tag: PODS_TAG, script: SCRIPTS.ALIVE, keys: [keyspace.pods] });
    return new Set(input.answer(ANSWERS.names, answer, 'pods'));
  }

  async claim(dead: string): Promise<boolean> {
    const { router, keyspace, pod } = this.#context;
    const args = [dead, pod, keyspace.sweeps, CLAIM];
    return (await router.run({ tag: PODS_TAG, script: SCRIPTS.CLAIM, keys: [keyspace.pods], args })) === 1;
  }

  async removeSwept(dead: string, kind: PodIndexKind, groups: readonly string[]): Promise<void> {
    const { router, keyspace } = this.#context;
    await router.command(podTag(dead), 'zrem', keyspace.podIndex(dead, kind), ...groups);
  }

  async forget(dead: string): Promise<void> {
    const { router, keyspace } = this.#context;
    // Before the claim ends: a pod that returns writes its index only when nobody deletes it any more.
    await router.command(podTag(dead), 'del', keyspace.podIndex(dead, 'channels'));
    const { pods, births, sweeps } = keyspace;
    await router.run({ tag: PODS_TAG, script: SCRIPTS.FORGET, keys: [pods, births], args: [dead, sweeps] });
  }

  async write(kind: PodIndexKind, added: readonly string[], removed: readonly string[]): Promise<void> {
    const { router, keyspace, pod } = this.#context;
    const key = keyspace.podIndex(pod, kind);
    const tag = podTag(pod);
    const writes: Promise<unknown>[] = [];
    if (added.length > 0) writes.push(router.command(tag, 'zadd', key, ...added.flatMap((name) => [0, name])));
    if (removed.length > 0) writes.push(router.command(tag, 'zrem', key, ...removed));
    await Promise.all(writes);
  }

  async keep(kind: PodIndexKind): Promise<void> {
    const { router, keyspace, pod } = this.#context;
    await router.command(podTag(pod), 'pexpire', keyspace.podIndex(pod, kind), UNSWEPT_TTL);
  }

  async page(pod: string, kind: PodIndexKind, after: string): Promise<string[]> {
    const { router, keyspace, input } = this.#context;
    const start = after === '' ? '-' : `(${after}`;
    const range = ['zrange', keyspace.podIndex(pod, kind), start, '+', 'bylex', 'limit', 0, PAGE] as const;
    return input.answer(ANSWERS.names, await router.command(podTag(pod), ...range), 'pods');
  }

  async clear(kind: PodIndexKind): Promise<void> {
    const { router, keyspace, pod } = this.#context;
    await router.command(podTag(pod), 'del', keyspace.podIndex(pod, kind));
  }
}
