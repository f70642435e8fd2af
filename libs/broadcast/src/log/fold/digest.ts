import type { LogOffset } from '../log-adapter.js';

/** How many of the latest entries can be compared. A power of two. */
const KEPT = 4_096;

/**
 * A running hash of what a pod has read of a partition, and of what it decided about it. Pods that have read the same have the same
 * hash at the same offset.
 */
export class Digest {
  readonly #offsets = new Float64Array(KEPT).fill(-1);
  readonly #hashes = new Uint32Array(KEPT);
  #count = 0;
  #hash = 0;

  /** After everything so far. */
  get hash(): number {
    return this.#hash;
  }

  /** After the last complete entry; undefined if none can be compared. */
  get latest(): { readonly offset: LogOffset; readonly hash: number } | undefined {
    if (this.#count === 0) return undefined;
    const slot = (this.#count - 1) & (KEPT - 1);
    return { offset: this.#offsets[slot] ?? 0, hash: this.#hashes[slot] ?? 0 };
  }

  /** Continues from this hash. What came before cannot be compared any more. */
  restore(hash: number): void {
    this.#count = 0;
    this.#hash = hash;
  }

  /** Anything that all pods must have read, or decided. */
  mix(value: number): void {
    let hash = (this.#hash ^ value) >>> 0;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    this.#hash = (hash ^ (hash >>> 16)) >>> 0;
  }

  /** The entry at an offset is complete. */
  mark(offset: LogOffset): void {
    const slot = this.#count & (KEPT - 1);
    this.#offsets[slot] = offset;
    this.#hashes[slot] = this.#hash;
    this.#count += 1;
  }

  /** Whether another pod has read something else up to an offset; undefined if that is not known here. */
  differs(offset: LogOffset, hash: number): boolean | undefined {
    let low = Math.max(this.#count - KEPT, 0);
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const slot = middle & (KEPT - 1);
      const found = this.#offsets[slot] ?? -1;
      if (found === offset) return this.#hashes[slot] !== hash;
      if (found < offset) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }
}
