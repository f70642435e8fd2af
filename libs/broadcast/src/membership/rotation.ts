/** Cycles through the entries of a map, some at a time, so that each has its turn at the same interval. */
export class Rotation<Key, Value> {
  readonly #map: ReadonlyMap<Key, Value>;
  #round: Iterator<[Key, Value]>;

  constructor(map: ReadonlyMap<Key, Value>) {
    this.#map = map;
    this.#round = map.entries();
  }

  /** The next entries: all have had their turn after `steps` calls. */
  next(steps: number): [Key, Value][] {
    const count = Math.ceil(this.#map.size / steps);
    const entries: [Key, Value][] = [];
    for (let restarted = false; entries.length < count;) {
      const { done, value } = this.#round.next();
      if (done !== true) {
        entries.push(value);
        continue;
      }
      if (restarted) break;
      restarted = true;
      this.#round = this.#map.entries();
    }
    return entries;
  }
}
