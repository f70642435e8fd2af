import { ANSWERS, type RedisInput } from '../input.js';
import type { PodIndexKind, Keyspace } from '../keyspace.js';
import { podTag, PODS_TAG } from '../keyspace.js';
import type { IndexStore } from '../../membership/pod-index.js';
import { LEASE, type Heartbeat, type LeaseStore } from '../../membership/pod-lease.js';
import type { Router } from '../topology/router.js';
import { SCRIPTS } from '../scripts/index.js';
import type { SweepStore } from '../../membership/upkeep.js';

/** ms for which keys are kept that nobody sweeps up, as no pod is left. */
export const UNSWEPT_TTL = 3_600_000;
/** ms for which one pod has the task to sweep up after another; prolonged at each step. */
const CLAIM = 10_000;
/** ms without a heartbeat of any pod after which the server counts as having been away. */
const AWAY = 7_000;
/** ms after the end of a lease for which what the pod wrote cannot have expired. */
const SAFE = UNSWEPT_TTL / 2;
const PAGE = 50;

/** What Redis keeps about pods: their leases, and what each of them has. */
export class PodStore implements LeaseStore, IndexStore, SweepStore {
  readonly #router: Router;
  readonly #names: Keyspace;
  readonly #pod: string;

  readonly #input: RedisInput;

  constructor(router: Router, names: Keyspace, pod: string, input: RedisInput) {
    this.#router = router;
    this.#input = input;
    this.#names = names;
    this.#pod = pod;
  }

  async beat(nonce: string): Promise<Heartbeat> {
    const { pods, births, watch, sweeps } = this.#names;
    const answer = await this.#router.run({
      tag: PODS_TAG,
      script: SCRIPTS.HEARTBEAT,
      keys: [pods, births, watch],
      args: [this.#pod, `${this.#pod}.${nonce}`, LEASE, sweeps, CLAIM, AWAY, SAFE],
    });
    const [birth, contested, ...dead] = this.#input.answer(ANSWERS.heartbeat, answer, 'pods');
    return { birth, contested: contested === 1, dead };
  }

  /** Which pods are alive now. */
  async alive(): Promise<ReadonlySet<string>> {
    const answer = await this.#router.run({ tag: PODS_TAG, script: SCRIPTS.ALIVE, keys: [this.#names.pods] });
    return new Set(this.#input.answer(ANSWERS.names, answer, 'pods'));
  }

  async claim(dead: string): Promise<boolean> {
    const args = [dead, this.#pod, this.#names.sweeps, CLAIM];
    return (await this.#router.run({ tag: PODS_TAG, script: SCRIPTS.CLAIM, keys: [this.#names.pods], args })) === 1;
  }

  async strike(dead: string, kind: PodIndexKind, groups: readonly string[]): Promise<void> {
    await this.#router.command(podTag(dead), 'zrem', this.#names.podIndex(dead, kind), ...groups);
  }

  async bury(dead: string): Promise<void> {
    // Before the claim ends: if the pod comes back, it writes its index when nobody clears it any more.
    await this.#router.command(podTag(dead), 'del', this.#names.podIndex(dead, 'channels'));
    const { pods, births, sweeps } = this.#names;
    await this.#router.run({ tag: PODS_TAG, script: SCRIPTS.BURY, keys: [pods, births], args: [dead, sweeps] });
  }

  async write(kind: PodIndexKind, added: readonly string[], removed: readonly string[]): Promise<void> {
    const key = this.#names.podIndex(this.#pod, kind);
    const tag = podTag(this.#pod);
    const writes: Promise<unknown>[] = [];
    if (added.length > 0) writes.push(this.#router.command(tag, 'zadd', key, ...added.flatMap((name) => [0, name])));
    if (removed.length > 0) writes.push(this.#router.command(tag, 'zrem', key, ...removed));
    await Promise.all(writes);
  }

  async keep(kind: PodIndexKind): Promise<void> {
    await this.#router.command(podTag(this.#pod), 'pexpire', this.#names.podIndex(this.#pod, kind), UNSWEPT_TTL);
  }

  async page(pod: string, kind: PodIndexKind, after: string): Promise<string[]> {
    const start = after === '' ? '-' : `(${after}`;
    const range = ['zrange', this.#names.podIndex(pod, kind), start, '+', 'bylex', 'limit', 0, PAGE] as const;
    return this.#input.answer(ANSWERS.names, await this.#router.command(podTag(pod), ...range), 'pods');
  }

  async clear(kind: PodIndexKind): Promise<void> {
    await this.#router.command(podTag(this.#pod), 'del', this.#names.podIndex(this.#pod, kind));
  }
}
