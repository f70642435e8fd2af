/** Messages that are remembered; more than a subscription delivers again, even after seconds without acknowledgements. */
const MAX = 20_000;

/**
 * The messages that were received: a subscription delivers some of them again, together with everything that follows in their
 * ordering key, whether it was acknowledged or not.
 */
export class Seen {
  readonly #times = new Map<string, number>();
  /** The time of the oldest message that is remembered, if others were forgotten. */
  #oldest = -Infinity;

  constructor(private readonly max = MAX) {}

  /** @returns whether the message is new. One that is older than all that are remembered is not. */
  add(id: string, time: number): boolean {
    if (this.#times.has(id) || time < this.#oldest) return false;
    this.#times.set(id, time);
    if (this.#times.size <= this.max) return true;
    const [first] = this.#times.keys();
    if (first !== undefined) this.#times.delete(first);
    const [oldest] = this.#times.values();
    this.#oldest = oldest ?? -Infinity;
    return true;
  }
}
