import type { Position, StreamOptions } from '../../broker.js';

/** A channel that this pod is subscribed to, or was until recently. */
export class Subscription {
  /** Whether events are reported. */
  isActive = false;
  /** Whether the channel is open for this pod according to the log. */
  state: 'open' | 'closed' | 'uncertain' = 'closed';
  /** The last position that was folded; undefined if the channel was not opened. */
  position: Position | undefined;
  linger: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #steps = 0;

  constructor(
    readonly channel: string,
    public stream: StreamOptions,
  ) {}

  /** Whether a step runs or waits. */
  get isBusy(): boolean {
    return this.#steps > 0;
  }

  hasOptions({ historySize, historyTtl, positionTtl }: StreamOptions): boolean {
    const { stream } = this;
    return stream.historySize === historySize && stream.historyTtl === historyTtl && stream.positionTtl === positionTtl;
  }

  /** Runs steps one after the other. */
  async inOrder<T>(step: () => Promise<T>): Promise<T> {
    this.#steps += 1;
    const result = this.#last.then(step);
    this.#last = result.then(
      () => (this.#steps -= 1),
      () => (this.#steps -= 1),
    );
    return result;
  }
}
