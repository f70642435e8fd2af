/**
 * Items indexed by a count. Finds the one with the highest count in constant time, as long as counts change in small
 * steps.
 */
export class CountIndex<T> {
  private readonly buckets: (Set<T> | undefined)[] = [];

  /** The highest count; 0 if there are no items. */
  get height(): number {
    return Math.max(0, this.buckets.length - 1);
  }

  /** Of the items with the highest count, the one that has had it for longest. */
  get top(): T | undefined {
    const [top] = this.buckets[this.height] ?? [];
    return top;
  }

  /** @param to the new count; 0 removes the item. */
  move(item: T, from: number, to: number): void {
    this.buckets[from]?.delete(item);
    if (to > 0) (this.buckets[to] ??= new Set()).add(item);
    while (this.buckets.length > 0 && !this.buckets.at(-1)?.size) this.buckets.pop();
  }
}
