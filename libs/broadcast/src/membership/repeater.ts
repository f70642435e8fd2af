/** Repeats some work, one run at a time. */
export class Repeater {
  readonly #work: () => Promise<number>;
  #running: Promise<void> | undefined;
  #closed = false;
  /** Whether the next pause is skipped. */
  #isHurried = false;
  #endPause: () => void = () => {};

  /** @param work must not reject. It resolves to the ms until the next run. */
  constructor(work: () => Promise<number>) {
    this.#work = work;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Runs it at once, or as soon as the current run has ended. */
  wake(): void {
    this.#isHurried = true;
    this.#endPause();
  }

  /** Resolves when the work has ended for good. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endPause();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#isHurried = false;
      const pause = await this.#work();
      if (!this.#closed && !this.#isHurried) await this.#sleep(pause);
    }
  }

  async #sleep(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#endPause = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }
}
