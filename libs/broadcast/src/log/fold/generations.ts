/** Something that a snapshot contains as a whole. */
export interface Versioned {
  /** The snapshot that has it, or does not need it because it is younger. */
  generation: number;
}

/**
 * Lets a snapshot be written in steps while the state changes: what is about to change is copied first, unless the snapshot has
 * it already. Everything is copied once.
 */
export class Generations {
  #current = 0;
  #copy: ((item: Versioned) => void) | undefined;

  /** The generation of what is created now. */
  get current(): number {
    return this.#current;
  }

  /** Begins a snapshot: everything that exists is missing in it. */
  begin(copy: (item: Versioned) => void): void {
    this.#current += 1;
    this.#copy = copy;
  }

  end(): void {
    this.#copy = undefined;
  }

  /** Must be called before something changes. */
  touch(item: Versioned): void {
    if (item.generation === this.#current) return;
    item.generation = this.#current;
    this.#copy?.(item);
  }
}
