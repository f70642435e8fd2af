/** Width of a slice, in ms: by how much, at most, an item is visited late while the sweep keeps up. */
const SLICE = 1_000;

/** What can be queued. The queue owns `slice`: the slice in which the item waits, `Infinity` while it does not. */
export interface Expiring {
  slice: number;
}

/**
 * Says which items are due, in constant time each, with no timer of theirs: a wheel of slices of time, after Varghese
 * and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), with a map in place of the wheel's array.
 */
export class ExpiryQueue<T extends Expiring> {
  readonly #slices = new Map<number, Set<T>>();
  /** No item waits in a slice before this one. */
  #next: number;
  /** Where the visit of the slice `#next` stopped; items that it went past are in no slice any more. */
  #rest: Iterator<T> | undefined;

  constructor(now: number) {
    this.#next = Math.floor(now / SLICE);
  }

  /**
   * Has an item visited at `time`, or soon after. An item that waits for an earlier visit already stays there: who is
   * visited too early asks again, which is cheaper than to move it at every use.
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

  /** Visits due items in at most `limit` steps. A visited item waits for nothing, until it is scheduled again. */
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
