import type { StoredPublication } from '../broker.js';
import { withinBytes } from '../within-bytes.js';

const SMALLEST_CAPACITY = 4;

/**
 * The kept publications of a stream, in a ring buffer: neither appending nor trimming moves the others. Their offsets are
 * consecutive.
 */
export class PublicationLog {
  /** The capacity is 0 or a power of two. */
  #slots: (StoredPublication | undefined)[] = [];
  #head = 0;
  #length = 0;
  #units = 0;

  /** The total length of all payloads, in UTF-16 code units. */
  get units(): number {
    return this.#units;
  }

  get length(): number {
    return this.#length;
  }

  get oldest(): StoredPublication | undefined {
    return this.#slots[this.#head];
  }

  append(publication: StoredPublication): void {
    if (this.#length === this.#slots.length) this.#resize(Math.max(this.#length * 2, SMALLEST_CAPACITY));
    this.#slots[this.#slot(this.#length)] = publication;
    this.#length += 1;
    this.#units += publication.payload.length;
  }

  /** Drops the oldest beyond `size`, and those of `time` and before. @returns how many. */
  trim(size: number, time: number): number {
    const length = this.#length;
    for (let oldest = this.oldest; oldest !== undefined; oldest = this.oldest) {
      if (this.#length <= size && oldest.time > time) break;
      this.#units -= oldest.payload.length;
      this.#slots[this.#head] = undefined;
      this.#head = this.#slot(1);
      this.#length -= 1;
    }
    if (this.#length < length) this.#shrink();
    return length - this.#length;
  }

  /** The publications with offsets from `first` to `last`, oldest first. */
  range(first: number, last: number): StoredPublication[] {
    const origin = this.oldest?.offset ?? 0;
    const publications: StoredPublication[] = [];
    for (let index = Math.max(first - origin, 0); index <= last - origin && index < this.#length; index += 1) {
      const publication = this.#slots[this.#slot(index)];
      if (publication !== undefined) publications.push(publication);
    }
    return publications;
  }

  #slot(index: number): number {
    return (this.#head + index) & (this.#slots.length - 1);
  }

  /** At a quarter, not at half: an append after a trim should not make it grow again. */
  #shrink(): void {
    let capacity = this.#slots.length;
    while (capacity > SMALLEST_CAPACITY && this.#length <= capacity / 4) capacity /= 2;
    if (this.#length === 0) capacity = 0;
    if (capacity < this.#slots.length) this.#resize(capacity);
  }

  #resize(capacity: number): void {
    const slots = Array.from<StoredPublication | undefined>({ length: capacity });
    for (let index = 0; index < this.#length; index += 1) slots[index] = this.#slots[this.#slot(index)];
    this.#slots = slots;
    this.#head = 0;
  }
}

/** As many publications as `HistoryQuery.maxBytes` permits. */
export function pageOf(publications: readonly StoredPublication[], maxBytes = Infinity): readonly StoredPublication[] {
  return withinBytes(publications, maxBytes, ({ payload }) => Buffer.byteLength(payload), 1);
}
