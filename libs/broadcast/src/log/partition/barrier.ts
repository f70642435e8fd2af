/** Runs a read for all who wait for one. Nobody gets the result of a read that had begun before. */
export class Barrier<T> {
  readonly #read: () => Promise<T>;
  #running: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  async passed(): Promise<T> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#run();
    const next = this.#running.then(
      async () => this.#run(),
      async () => this.#run(),
    );
    this.#next = next;
    return next;
  }

  async #run(): Promise<T> {
    this.#next = undefined;
    const running = this.#read();
    this.#running = running;
    try {
      return await running;
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }
}
