/**
 * A value that may change while the gateway runs. Read `current` at each use: it is a new object after each change. The
 * value does not appear in logs or JSON.
 */
export class Reloadable<T> {
  #current: T;

  constructor(current: T) {
    this.#current = current;
  }

  get current(): T {
    return this.#current;
  }

  /** A value derived from this one, computed once per change when it is needed. */
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
