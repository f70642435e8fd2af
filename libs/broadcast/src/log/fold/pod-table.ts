import type { ChannelState } from './channel-table.js';

/** ms, by log time, for which a dead pod is remembered: entries of it may still arrive. */
const TOMBSTONE_TTL = 3_600_000;

/** What a partition knows of a pod. */
export class PodState {
  /** Its last entry in this partition. */
  number = 0;
  /** How far its clock is ahead of log time. */
  lead = 0;
  /** When its last entry was stored. */
  seen = 0;
  isDead = false;
  /** The rules that it knows; 0 if it has not said so. */
  rules = 0;
  /** The channels that it subscribes to. */
  readonly opened = new Set<ChannelState>();

  constructor(readonly id: string) {}
}

/** The pods that have written into a partition. */
export class PodTable {
  readonly #pods = new Map<string, PodState>();

  get all(): Iterable<PodState> {
    return this.#pods.values();
  }

  get(id: string): PodState | undefined {
    return this.#pods.get(id);
  }

  /** The pod, known or not. */
  named(id: string): PodState {
    const known = this.#pods.get(id);
    if (known !== undefined) return known;
    const pod = new PodState(id);
    this.#pods.set(id, pod);
    return pod;
  }

  /** The pod that has written an entry; undefined if that comes twice, or too late. */
  author(id: string, number: number, now: number): PodState | undefined {
    let pod = this.named(id);
    if (pod.isDead && pod.seen + TOMBSTONE_TTL <= now) {
      this.#pods.delete(id);
      pod = this.named(id);
    }
    if (pod.isDead || number <= pod.number) return undefined;
    pod.number = number;
    return pod;
  }

  clear(): void {
    this.#pods.clear();
  }

  /** Forgets the dead pods of which no entry can arrive any more. */
  sweep(now: number): void {
    for (const pod of this.#pods.values()) {
      if (pod.isDead && pod.seen + TOMBSTONE_TTL <= now) this.#pods.delete(pod.id);
    }
  }
}
