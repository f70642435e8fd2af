/** Things by a count that each has. Finds the one with the highest in constant time, as long as counts change by small steps. */
export class Ladder<T> {
  private readonly rungs: (Set<T> | undefined)[] = [];

  /** The highest count; 0 if nothing has one. */
  get height(): number {
    return Math.max(0, this.rungs.length - 1);
  }

  /** The one that has had the highest count for longest. */
  get top(): T | undefined {
    const [top] = this.rungs[this.height] ?? [];
    return top;
  }

  /** @param to its count now, 0 if it has none any more. */
  move(item: T, from: number, to: number): void {
    this.rungs[from]?.delete(item);
    if (to > 0) (this.rungs[to] ??= new Set()).add(item);
    while (this.rungs.length > 0 && !this.rungs.at(-1)?.size) this.rungs.pop();
  }
}
