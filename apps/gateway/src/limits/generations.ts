/**
 * A bounded map that forgets what nobody used for a while. Two generations of entries are kept for that long each, and
 * what was not used in either is forgotten. If there are too many keys, a generation ends early: memory stays bounded.
 */
export class Generations<V> {
  private present = new Map<string, V>();
  private before = new Map<string, V>();
  private begun = performance.now();

  /**
   * @param ms for which an entry is kept at least, unless there are too many.
   * @param maxEntries of both generations.
   * @param create makes the entry of a key that is not known.
   */
  constructor(
    private readonly ms: number,
    private readonly maxEntries: number,
    private readonly create: (key: string) => V,
  ) {}

  get size(): number {
    return this.present.size + this.before.size;
  }

  get(key: string): V {
    if (this.present.size >= this.maxEntries / 2 || performance.now() - this.begun > this.ms) this.turn();
    let value = this.present.get(key);
    if (value === undefined) {
      value = this.before.get(key) ?? this.create(key);
      this.before.delete(key);
      this.present.set(key, value);
    }
    return value;
  }

  private turn(): void {
    this.before = this.present;
    this.present = new Map();
    this.begun = performance.now();
  }
}
