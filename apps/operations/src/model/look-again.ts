/**
 * Looks again and again while the page is visible: some time after the previous look has ended, so that a slow pod is not asked
 * more often than it can answer.
 */
export class LookAgain {
  readonly #look: () => Promise<void>;
  readonly #interval: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOn = false;
  #isLooking = false;
  #isDue = false;

  /**
   * @param look must not reject.
   * @param interval in ms.
   */
  constructor(look: () => Promise<void>, interval: number) {
    this.#look = look;
    this.#interval = interval;
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this.#isOn) this.now();
    });
  }

  /** Looks now, or as soon as the look in progress has ended, and then regularly. */
  now(): void {
    this.#isOn = true;
    clearTimeout(this.#timer);
    if (this.#isLooking) this.#isDue = true;
    else void this.#run();
  }

  stop(): void {
    this.#isOn = false;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    this.#isLooking = true;
    do {
      this.#isDue = false;
      await this.#look();
    } while (this.#isDue && this.#isOn);
    this.#isLooking = false;
    if (!this.#isOn) return;
    this.#timer = setTimeout(() => {
      if (!document.hidden) void this.#run();
    }, this.#interval);
  }
}
