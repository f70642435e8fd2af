import { BrokerUnavailableError } from '../errors.js';
import type { LeasedEntry, LeasedEntries } from './leased-entries.js';
import { KeyedQueue } from './keyed-queue.js';
import { POD_INDEX_KINDS, type PodIndexKind } from '../redis/keyspace.js';
import type { IndexStore, PodIndex } from './pod-index.js';
import { Repeater } from './repeater.js';

/** ms between two steps of prolonging. */
const INTERVAL = 5_000;
/** Steps in which all keys are prolonged: 10 minutes. */
const PROLONG_STEPS = 120;
/** Dead pods swept up at a time. */
const SWEEPS = 2;

export interface SweepStore {
  /**
   * Claims the sweep of a pod for the next step of it: as long as the claim stands, the pod puts nothing back if it returns.
   *
   * @returns false if the pod is alive again, or another one sweeps it up, or has done so: then the claim is given up.
   */
  claim(dead: string): Promise<boolean>;
  /** Takes swept groups out of a dead pod's index. */
  strike(dead: string, kind: PodIndexKind, groups: readonly string[]): Promise<void>;
  /** Forgets a pod that was swept up, and gives up the claim. */
  bury(dead: string): Promise<void>;
}

export interface UpkeepOptions {
  /** This pod's id. */
  readonly pod: string;
  readonly store: SweepStore & Pick<IndexStore, 'page'>;
  readonly index: PodIndex;
  readonly holdings: readonly LeasedEntries<LeasedEntry>[];
  /** What the server may have lost of this pod's is there again. Must not throw. */
  readonly onRestored: () => void;
}

/** How far one round over all that a dead pod held has got. */
interface SweepRound {
  /** How many of the holdings are behind it. */
  holdings: number;
  /** The last group that was looked at. */
  after: string;
  /** Whether some groups have more to sweep. */
  isUnfinished: boolean;
  /** Whether some groups could not be swept. */
  hasFailed: boolean;
}

/**
 * Keeps what this pod has on the server, and sweeps up after dead pods. It goes in small steps that keep what they have done:
 * none waits for the others, and a failed one is tried again by itself. No heartbeat waits for any of it.
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

  /** What was written until now may be lost: has it put back, and taken out whatever should not be there. */
  lost(isFirst: boolean): void {
    const { holdings } = this.#options;
    this.#losses += 1;
    for (const held of holdings) held.lost();
    this.#inspected.clear();
    for (const kind of POD_INDEX_KINDS) this.#inspections.add(kind);
    this.#restore(isFirst).catch(() => undefined);
  }

  sweep(pods: readonly string[]): void {
    for (const pod of pods) this.#sweeps.add(pod);
  }

  /** The server can be asked again. */
  hurry(): void {
    const { index, holdings } = this.#options;
    for (const queue of [index, ...holdings, this.#inspections, this.#sweeps]) queue.hurry();
  }

  /** Resolves when no step is under way any more. */
  async close(): Promise<void> {
    const { index, holdings } = this.#options;
    const parts = [this.#prolonging, this.#inspections, this.#sweeps, index, ...holdings];
    await Promise.all(parts.map(async (part) => part.close()));
  }

  /** Reports it when everything had one turn: what fails for long is not waited for. */
  async #restore(isFirst: boolean): Promise<void> {
    const { index, holdings, onRestored } = this.#options;
    const losses = this.#losses;
    await this.#inspections.drained();
    if (losses !== this.#losses) return;
    // Only now: otherwise the inspection would find, and check, what was just written.
    index.lost();
    await Promise.all(holdings.map(async (held) => held.tried()));
    if (!isFirst && losses === this.#losses) onRestored();
  }

  async #prolong(): Promise<number> {
    const { index, holdings } = this.#options;
    for (const held of holdings) held.tidy();
    await Promise.all([index.prolong(), ...holdings.map(async (held) => held.prolong(PROLONG_STEPS))]);
    return INTERVAL;
  }

  /** Looks at a page of this pod's own index for what this pod does not have. */
  async #inspect(kind: PodIndexKind): Promise<boolean> {
    const { pod, store, index, holdings } = this.#options;
    const losses = this.#losses;
    const names = await store.page(pod, kind, this.#inspected.get(kind) ?? '');
    if (losses !== this.#losses) return true;
    const last = names.at(-1);
    if (last === undefined) return false;
    const held = holdings.find((candidates) => candidates.kind === kind);
    for (const name of names) {
      if (held === undefined) index.removeStray(kind, name);
      else held.checkStrays(name);
    }
    this.#inspected.set(kind, last);
    return true;
  }

  /**
   * One step. Groups that are done are struck out of the dead pod's index, so that whoever goes on begins behind them. Those
   * that fail are passed over, until all others are done.
   */
  async #sweep(dead: string): Promise<boolean> {
    const { store, holdings } = this.#options;
    if (!(await store.claim(dead))) {
      this.#swept.delete(dead);
      return false;
    }
    const round = this.#swept.get(dead) ?? { holdings: 0, after: '', isUnfinished: false, hasFailed: false };
    this.#swept.set(dead, round);
    const held = holdings[round.holdings];
    if (held !== undefined) {
      await this.#sweepGroups(held, dead, round);
      return true;
    }
    this.#swept.delete(dead);
    if (round.hasFailed) throw new BrokerUnavailableError('some groups could not be swept up');
    if (round.isUnfinished) return true;
    await store.bury(dead);
    return false;
  }

  async #sweepGroups(held: LeasedEntries<LeasedEntry>, dead: string, round: SweepRound): Promise<void> {
    const { store } = this.#options;
    const groups = await store.page(dead, held.kind, round.after);
    const last = groups.at(-1);
    if (last === undefined) {
      round.holdings += 1;
      round.after = '';
      return;
    }
    const results = await Promise.allSettled(groups.map(async (group) => held.sweep(group, dead)));
    const done = groups.filter((_, index) => {
      const result = results[index];
      if (result?.status === 'rejected') round.hasFailed = true;
      else if (result?.value === true) round.isUnfinished = true;
      return result?.status === 'fulfilled' && !result.value;
    });
    if (done.length > 0) await store.strike(dead, held.kind, done);
    round.after = last;
  }
}
