import { BrokerUnavailableError } from '../errors.js';

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

/**
 * Limits how many bytes of histories are in flight from the server to this pod. Other reads wait for their turn: they would
 * take memory here and delay the answers to publishes behind them.
 */
export class ReadBudget {
  readonly #limit: number;
  #used = 0;
  #waiting: Waiting[] = [];

  constructor(limit = 8_388_608) {
    this.#limit = limit;
  }

  /**
   * Runs a read when it is its turn.
   *
   * @param bytes that the read may return at most. A read larger than the whole budget runs alone.
   * @param deadline as {@link performance.now}.
   * @throws BrokerUnavailableError if its turn has not come by then.
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
