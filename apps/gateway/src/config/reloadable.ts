/**
 * A value that may be replaced while the gateway runs: read `current` at each use. It is a new object after each
 * change, so what was derived from it can be cached by identity. It does not show in logs or JSON.
 */
export class Reloadable<T> {
  #current: T;

  constructor(current: T) {
    this.#current = current;
  }

  get current(): T {
    return this.#current;
  }

  /** For the loader, which has validated `value`. */
  replace(value: T): void {
    this.#current = value;
  }
}
