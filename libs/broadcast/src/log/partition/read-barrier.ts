import { BrokerUnavailableError } from '../../errors.js';
import type { LogAdapter, LogOffset } from '../log-adapter.js';
import { Arrivals } from './arrivals.js';
import { Barrier } from './barrier.js';
import { STEP } from './step.js';
import type { Writer } from './writer.js';

export interface ReadBarrierContext {
  readonly index: number;
  readonly adapter: LogAdapter;
  readonly writer: Writer;
  /** The offset after the last entry that was processed. */
  readonly at: () => LogOffset;
  /** The log ends before what was read. */
  readonly onShorter: () => void;
}

/** What reads wait for, so that they see everything that was stored before them. */
export class ReadBarrier {
  readonly #context: ReadBarrierContext;
  readonly #arrivals = new Arrivals();
  readonly #barrier = new Barrier(async () => this.#pass());

  constructor(context: ReadBarrierContext) {
    this.#context = context;
  }

  /**
   * Resolves when everything is processed that was stored before the call.
   *
   * @throws BrokerUnavailableError
   */
  async passed(): Promise<void> {
    try {
      await this.#barrier.passed();
    } catch (error) {
      throw new BrokerUnavailableError(error instanceof Error ? error.message : 'the log cannot be read');
    }
  }

  /** @param at the offset after the last entry that was processed. */
  reached(at: LogOffset): void {
    this.#arrivals.reached(at);
  }

  async #pass(): Promise<void> {
    const { adapter, index, writer, at, onShorter } = this.#context;
    if (adapter.traits.bounds) {
      // More may be stored and read before the answer arrives.
      const read = at();
      const { next } = await adapter.bounds(index, AbortSignal.timeout(STEP));
      if (next < read) {
        onShorter();
        throw new BrokerUnavailableError('the log is shorter than before');
      }
      if (at() >= next || (await this.#arrivals.before(next))) return;
    }
    await new Promise<void>((resolve, reject) => {
      writer.write({ kind: 'mark' }, performance.now() + STEP, { onOutcome: () => resolve(), onError: reject });
    });
  }
}
