/**
 * A bounded map that drops entries which were not used for a while. Entries live in two generations of the given
 * duration, and are dropped if neither saw a use. With too many keys a generation ends early, so that memory stays
 * bounded.
 */
export class ExpiringMap<V> {
  private present = new Map<string, V>();
  private before = new Map<string, V>();
  private begun = performance.now();

  /**
   * @param ms how long an unused entry is kept at least, unless there are too many.
   * @param maxEntries of both generations.
   * @param create makes the entry of an unknown key.
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
