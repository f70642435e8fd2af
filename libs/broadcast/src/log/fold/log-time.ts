import type { PodState, PodTable } from './pod-table.js';

/** ms, by log time, for which the clock of a pod counts after its last entry. */
const COUNTS_FOR = 60_000;
/** ms by which a clock may be further than expected; beyond that it was set, and is measured anew. */
const LARGEST_STEP = 30_000;

/**
 * The time of a partition, in ms since the Unix epoch. It decides when anything expires, so it is the same in every pod, and never
 * goes back. It is the server's, if entries carry that. Otherwise it follows the median of the pods' clocks: a single wrong one
 * changes nothing. A clock that was ahead of log time by some ms before is still ahead by as much, so the time of an entry is
 * known even if the other pods have been silent.
 */
export class LogTime {
  #now = 0;

  get now(): number {
    return this.#now;
  }

  /** Continues from a time, whatever came before. */
  restore(now: number): void {
    this.#now = now;
  }

  /** The server has stored an entry. */
  advance(time: number): void {
    if (time > this.#now) this.#now = time;
  }

  /** A pod wrote an entry at this time of its clock. */
  follow(author: PodState, clock: number, pods: PodTable): void {
    if (this.#now === 0) this.#now = clock;
    const step = clock - author.lead - this.#now;
    if (author.seen === 0 || Math.abs(step) > LARGEST_STEP) author.lead = clock - this.#now;
    else this.advance(clock - author.lead);
    this.#centre(pods);
  }

  /** Moves log time to the median of the clocks, if that is later. */
  #centre(pods: PodTable): void {
    const leads: number[] = [];
    for (const { seen, lead, isDead } of pods.all) if (!isDead && seen > this.#now - COUNTS_FOR) leads.push(lead);
    const median = leads.toSorted((one, other) => one - other)[(leads.length - 1) >> 1] ?? 0;
    if (median <= 0) return;
    this.#now += median;
    for (const pod of pods.all) pod.lead -= median;
  }
}
