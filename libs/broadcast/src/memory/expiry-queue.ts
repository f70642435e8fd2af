/** Width of a time slice in ms: how late an item is visited at most, if the sweep keeps up. */
const SLICE = 1_000;

/** An item of the queue, which owns `slice`: the slice in which the item waits, `Infinity` if it does not wait. */
export interface Expiring {
  slice: number;
}

/**
 * Finds items that are due in constant time each, without a timer per item: a timing wheel (Varghese and Lauck, "Hashed and
 * Hierarchical Timing Wheels", 1987) with a map instead of the array.
 */
export class ExpiryQueue<T extends Expiring> {
  readonly #slices = new Map<number, Set<T>>();
  /** The first slice in which an item may wait. */
  #next: number;
  /** Where the visit of slice `#next` stopped. Visited items are not in a slice any more. */
  #rest: Iterator<T> | undefined;

  constructor(now: number) {
    this.#next = Math.floor(now / SLICE);
  }

  /**
   * Visits an item at `time`, or soon after. An item that already waits for an earlier visit stays there: scheduling it again
   * when it is visited too early is cheaper than moving it at every use.
   */
  schedule(item: T, time: number): void {
    const slice = Math.max(Math.floor(time / SLICE), this.#next);
    if (slice >= item.slice) return;
    if (item.slice !== Infinity) this.#remove(item);
    item.slice = slice;
    const items = this.#slices.get(slice);
    if (items === undefined) this.#slices.set(slice, new Set([item]));
    else items.add(item);
  }

  /** Visits due items in at most `limit` steps. A visited item does not wait any more, unless it is scheduled again. */
  sweep(now: number, limit: number, visit: (item: T) => void): void {
    const present = Math.floor(now / SLICE);
    for (let steps = 0; steps < limit && this.#next < present; steps += 1) {
      this.#rest ??= this.#slices.get(this.#next)?.values();
      const item = this.#rest?.next();
      if (item === undefined || item.done === true) {
        this.#slices.delete(this.#next);
        this.#rest = undefined;
        this.#next = this.#slices.size === 0 ? present : this.#next + 1;
      } else {
        item.value.slice = Infinity;
        visit(item.value);
      }
    }
  }

  #remove(item: T): void {
    const items = this.#slices.get(item.slice);
    items?.delete(item);
    if (items?.size === 0 && item.slice !== this.#next) this.#slices.delete(item.slice);
  }
}
