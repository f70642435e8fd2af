import { BrokerUnavailableError } from '../errors.js';

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

/**
 * How many bytes of histories may be on their way from Redis to this pod at a time. What is beyond waits for its turn: it
 * would take memory here, and hold up the answers to publishes behind it.
 */
export class ReadBudget {
  readonly #limit: number;
  #used = 0;
  #waiting: Waiting[] = [];

  constructor(limit = 8_388_608) {
    this.#limit = limit;
  }

  /**
   * Reads when it is its turn.
   *
   * @param bytes that it may bring; one that may bring more than all is read alone.
   * @param deadline for {@link performance.now}.
   * @throws BrokerUnavailableError when its turn has not come by then.
   */
  async run<T>(bytes: number, deadline: number, read: () => Promise<T>): Promise<T> {
    const share = Math.min(bytes, this.#limit);
    if (this.#waiting.length > 0 || this.#used + share > this.#limit) await this.#turn(share, deadline);
    else this.#used += share;
    try {
      return await read();
    } finally {
      this.#used -= share;
      this.#admit();
    }
  }

  async #turn(bytes: number, deadline: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(new BrokerUnavailableError('too many histories are being read'));
        this.#admit();
      }, deadline - performance.now());
      const waiting: Waiting = {
        bytes,
        enter: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.#waiting.push(waiting);
    });
  }

  #admit(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined || this.#used + next.bytes > this.#limit) return;
      this.#waiting.shift();
      this.#used += next.bytes;
      next.enter();
    }
  }
}
