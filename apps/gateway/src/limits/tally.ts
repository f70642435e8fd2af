/** Counts things per key. Things without a key are not counted. */
export class Tally {
  private readonly counts = new Map<string, number>();

  /** How many keys there are. */
  get size(): number {
    return this.counts.size;
  }

  of(key: string | undefined): number {
    return key === undefined ? 0 : (this.counts.get(key) ?? 0);
  }

  add(key: string | undefined): void {
    if (key !== undefined) this.counts.set(key, this.of(key) + 1);
  }

  remove(key: string | undefined): void {
    if (key === undefined) return;
    const count = this.of(key) - 1;
    if (count > 0) this.counts.set(key, count);
    else this.counts.delete(key);
  }
}
