import { CircuitBreaker } from './circuit-breaker.js';
import { FailingCallers } from './failing-callers.js';
import { FairSlots, NotRunError } from './fair-slots.js';
import { OutboundError } from './request.js';
import type { Standing } from './standing.js';

/** How many requests may wait per request in progress. */
const WAITING_FACTOR = 4;

export interface FairRequestsOptions {
  /** How many may be in progress. */
  readonly concurrency: number;
  /** How long one may wait for its turn, in ms. */
  readonly timeout: number;
  /** Called when requests are paused because the backend fails, and when they are sent again. */
  readonly onPaused: (isPaused: boolean) => void;
}

/** Requests to one backend on behalf of clients: shared fairly among them, and paused while the backend fails. */
export class FairRequests {
  private readonly slots: FairSlots;
  private readonly failing = new FailingCallers();
  private readonly breaker: CircuitBreaker;

  constructor(private readonly options: FairRequestsOptions) {
    this.slots = new FairSlots(options.concurrency, WAITING_FACTOR * options.concurrency);
    this.breaker = new CircuitBreaker(options.onPaused);
  }

  /** Whether requests are paused because the backend fails. */
  get isPaused(): boolean {
    return this.breaker.isOpen;
  }

  /**
   * Sends a request when its turn comes.
   *
   * @param post rejects with an OutboundError if the backend is at fault.
   * @throws NotRunError if it was not sent; otherwise what `post` throws.
   */
  async send<T>(standing: Standing, post: () => Promise<T>): Promise<T> {
    const { key, voter, culprit } = standing;
    if (this.breaker.refusesAll || this.failing.mustWait(culprit)) throw new NotRunError();
    return this.slots.run(standing, this.options.timeout, async () => {
      // Requests may have failed while this one waited.
      if (this.failing.mustWait(culprit) || !this.breaker.admits(key)) throw new NotRunError();
      try {
        const answer = await post();
        this.breaker.answered();
        this.failing.answered(culprit);
        return answer;
      } catch (error) {
        if (error instanceof OutboundError) {
          this.breaker.failed(voter, error.wasSent ? 'other' : 'unreachable');
          if (error.wasSent) this.failing.failed(culprit);
        }
        throw error;
      }
    });
  }
}
