import { Repeater } from '../../membership/repeater.js';
import type { PodState } from '../fold/pod-table.js';
import { RULES } from '../fold/rules.js';
import type { Partition } from '../partition/partition.js';
import { nothing, written } from './record.js';

/** Beacons of this pod without one of another pod, after which that one counts as silent. */
const MISSED = 3;
/** The part of an interval by which a beacon may come too early. */
const SLACK = 0.2;
/** ms within which a beacon has to be read back. */
const TIMEOUT = 1_700;
/** ms before a failed beacon is repeated. */
const RETRY_PAUSE = 1_000;

interface Observed {
  number: number;
  missed: number;
}

export interface BeaconsContext {
  /** Where the beacons are. */
  readonly partition: Partition;
  readonly pod: () => string;
  /** ms between two beacons. */
  readonly interval: number;
  /** A beacon was read back, about once in every interval. Must not throw. */
  readonly onBeacon: () => void;
}

/**
 * Shows the other pods that this one is alive, and notices which of them are silent. Silence is counted in own beacons that were
 * stored, not in time: while a server hangs, nobody becomes silent.
 */
export class Beacons {
  readonly #context: BeaconsContext;
  readonly #repeater = new Repeater(async () => this.#send());
  readonly #observed = new Map<string, Observed>();
  /** When a beacon was counted, as {@link performance.now}. */
  #counted = -Infinity;
  #problem: string | undefined = 'not announced to the other pods yet';

  constructor(context: BeaconsContext) {
    this.#context = context;
  }

  /** Why this pod does not count as alive; undefined if it does. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** The pods that are neither dead nor silent, this one included, as far as they have begun: others only read yet. */
  get alive(): PodState[] {
    return this.#pods().filter(({ id, rules }) => rules > 0 && !this.isSilent(id));
  }

  /** Whether this pod does what only one has to do: the first one that is alive. Two at once do no harm. */
  get isKeeper(): boolean {
    const pod = this.#context.pod();
    return this.alive.every(({ id }) => id >= pod);
  }

  /** The pods that are silent, and their last entries when they were counted. */
  get silent(): { readonly id: string; readonly number: number }[] {
    return this.#pods()
      .filter(({ id }) => this.isSilent(id))
      .map(({ id }) => ({ id, number: this.#observed.get(id)?.number ?? 0 }));
  }

  isSilent(pod: string): boolean {
    return (this.#observed.get(pod)?.missed ?? 0) >= MISSED;
  }

  start(): void {
    this.#repeater.start();
  }

  /** Sends the next beacon at once. */
  wake(): void {
    this.#repeater.wake();
  }

  async close(): Promise<void> {
    await this.#repeater.close();
  }

  async #send(): Promise<number> {
    const { partition, interval, onBeacon } = this.#context;
    try {
      await written(partition, { kind: 'beacon', rules: RULES }, nothing, TIMEOUT);
    } catch {
      this.#problem = 'the log does not answer';
      return RETRY_PAUSE;
    }
    this.#problem = undefined;
    const now = performance.now();
    // Additional beacons say nothing of the silence of others.
    if (now - this.#counted < interval * (1 - SLACK)) return interval;
    this.#counted = now;
    this.#count();
    onBeacon();
    return interval;
  }

  #count(): void {
    const present = new Set<string>();
    for (const { id, number } of this.#pods()) {
      present.add(id);
      const observed = this.#observed.get(id);
      if (observed === undefined) this.#observed.set(id, { number, missed: 0 });
      else {
        observed.missed = observed.number === number && id !== this.#context.pod() ? observed.missed + 1 : 0;
        observed.number = number;
      }
    }
    for (const id of this.#observed.keys()) if (!present.has(id)) this.#observed.delete(id);
  }

  #pods(): PodState[] {
    return [...(this.#context.partition.fold?.pods.all ?? [])].filter(({ isDead }) => !isDead);
  }
}
