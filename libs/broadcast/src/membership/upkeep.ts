import { BrokerUnavailableError } from '../errors.js';
import type { LeasedEntry, LeasedEntries } from './leased-entries.js';
import { KeyedQueue } from './keyed-queue.js';
import { POD_INDEX_KINDS, type IndexStore, type PodIndex, type PodIndexKind } from './pod-index.js';
import { Repeater } from './repeater.js';

/** ms between two steps of renewal. */
const INTERVAL = 5_000;
/** Steps in which all keys are renewed once: 10 minutes. */
const PROLONG_STEPS = 120;
/** Dead pods swept at a time. */
const SWEEPS = 2;

export interface SweepStore {
  /**
   * Claims the next step of sweeping a pod. While the claim lasts, the pod restores nothing if it returns.
   *
   * @returns false if the pod is alive again, or another pod is sweeping it or has swept it. The claim is released then.
   */
  claim(dead: string): Promise<boolean>;
  /** Removes swept groups from a dead pod's index. */
  removeSwept(dead: string, kind: PodIndexKind, groups: readonly string[]): Promise<void>;
  /** Forgets a pod that was swept completely, and releases the claim. */
  forget(dead: string): Promise<void>;
}

export interface UpkeepOptions {
  /** This pod's id. */
  readonly pod: string;
  readonly store: SweepStore & Pick<IndexStore, 'page'>;
  readonly index: PodIndex;
  readonly entries: readonly LeasedEntries<LeasedEntry>[];
  /** What the server may have lost has been restored. Must not throw. */
  readonly onRestored: () => void;
}

/** Progress of one round over everything that a dead pod has left. */
interface SweepRound {
  /** How many kinds of entries are done. */
  kinds: number;
  /** The last group that was swept. */
  after: string;
  /** Whether some groups have more to sweep. */
  isUnfinished: boolean;
  /** Whether some groups could not be swept. */
  hasFailed: boolean;
}

/**
 * Maintains this pod's entries on the server, and removes those of dead pods. It works in small steps that are independent of
 * each other: a failed one is retried alone. No heartbeat waits for any of them.
 */
export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #prolonging = new Repeater(async () => this.#prolong());
  readonly #inspections = new KeyedQueue(async (kind) => this.#inspect(kind as PodIndexKind), POD_INDEX_KINDS.length);
  /** The last name of each kind that was inspected. */
  readonly #inspected = new Map<PodIndexKind, string>();
  readonly #swept = new Map<string, SweepRound>();
  readonly #sweeps = new KeyedQueue(async (dead) => this.#sweep(dead), SWEEPS);
  #losses = 0;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  start(): void {
    this.#prolonging.start();
  }

  /** All writes so far may be lost: restores this pod's entries, and removes what should not be there. */
  restoreAll(isFirst: boolean): void {
    const { entries } = this.#options;
    this.#losses += 1;
    for (const each of entries) each.markLost();
    this.#inspected.clear();
    for (const kind of POD_INDEX_KINDS) this.#inspections.add(kind);
    this.#restore(isFirst).catch(() => undefined);
  }

  sweep(pods: readonly string[]): void {
    for (const pod of pods) this.#sweeps.add(pod);
  }

  /** The server can be reached again. */
  retryNow(): void {
    const { index, entries } = this.#options;
    for (const queue of [index, ...entries, this.#inspections, this.#sweeps]) queue.retryNow();
  }

  /** Resolves when no step is running any more. */
  async close(): Promise<void> {
    const { index, entries } = this.#options;
    const parts = [this.#prolonging, this.#inspections, this.#sweeps, index, ...entries];
    await Promise.all(parts.map(async (part) => part.close()));
  }

  /** Reports it when everything has had one turn: it does not wait for what keeps failing. */
  async #restore(isFirst: boolean): Promise<void> {
    const { index, entries, onRestored } = this.#options;
    const losses = this.#losses;
    await this.#inspections.drained();
    if (losses !== this.#losses) return;
    // Only now: otherwise the inspection would find and check what was just written.
    index.markLost();
    await Promise.all(entries.map(async (each) => each.attempted()));
    if (!isFirst && losses === this.#losses) onRestored();
  }

  async #prolong(): Promise<number> {
    const { index, entries } = this.#options;
    for (const each of entries) each.pruneIndex();
    await Promise.all([index.prolong(), ...entries.map(async (each) => each.prolong(PROLONG_STEPS))]);
    return INTERVAL;
  }

  /** Checks a page of this pod's own index for names that this pod does not have. */
  async #inspect(kind: PodIndexKind): Promise<boolean> {
    const { pod, store, index, entries } = this.#options;
    const losses = this.#losses;
    const names = await store.page(pod, kind, this.#inspected.get(kind) ?? '');
    if (losses !== this.#losses) return true;
    const last = names.at(-1);
    if (last === undefined) return false;
    const checked = entries.find((candidate) => candidate.kind === kind);
    for (const name of names) {
      if (checked === undefined) index.removeOrphan(kind, name);
      else checked.checkOrphans(name);
    }
    this.#inspected.set(kind, last);
    return true;
  }

  /**
   * One step. Swept groups are removed from the dead pod's index, so that the next sweeper continues behind them. Groups that
   * fail are skipped until all others are done.
   */
  async #sweep(dead: string): Promise<boolean> {
    const { store, entries } = this.#options;
    if (!(await store.claim(dead))) {
      this.#swept.delete(dead);
      return false;
    }
    const round = this.#swept.get(dead) ?? { kinds: 0, after: '', isUnfinished: false, hasFailed: false };
    this.#swept.set(dead, round);
    const swept = entries[round.kinds];
    if (swept !== undefined) {
      await this.#sweepGroups(swept, dead, round);
      return true;
    }
    this.#swept.delete(dead);
    if (round.hasFailed) throw new BrokerUnavailableError('some groups could not be swept');
    if (round.isUnfinished) return true;
    await store.forget(dead);
    return false;
  }

  async #sweepGroups(swept: LeasedEntries<LeasedEntry>, dead: string, round: SweepRound): Promise<void> {
    const { store } = this.#options;
    const groups = await store.page(dead, swept.kind, round.after);
    const last = groups.at(-1);
    if (last === undefined) {
      round.kinds += 1;
      round.after = '';
      return;
    }
    const results = await Promise.allSettled(groups.map(async (group) => swept.sweep(group, dead)));
    const done = groups.filter((_, index) => {
      const result = results[index];
      if (result?.status === 'rejected') round.hasFailed = true;
      else if (result?.value === true) round.isUnfinished = true;
      return result?.status === 'fulfilled' && !result.value;
    });
    if (done.length > 0) await store.removeSwept(dead, swept.kind, done);
    round.after = last;
  }
}
