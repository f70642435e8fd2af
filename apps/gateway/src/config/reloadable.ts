/**
 * A value that may be replaced while the gateway runs: read `current` at each use. It is a new object after each
 * change. It does not show in logs or JSON.
 */
export class Reloadable<T> {
  #current: T;

  constructor(current: T) {
    this.#current = current;
  }

  get current(): T {
    return this.#current;
  }

  /** What is made of the value: once for each, when it is asked for. */
  derive<U>(make: (value: T) => U): { readonly current: U } {
    let made: { readonly from: T; readonly result: U } | undefined;
    const current = (): U => {
      if (made === undefined || made.from !== this.#current)
        made = { from: this.#current, result: make(this.#current) };
      return made.result;
    };
    return {
      get current() {
        return current();
      },
    };
  }

  /** For the loader, which has validated `value`. */
  replace(value: T): void {
    this.#current = value;
  }
}
