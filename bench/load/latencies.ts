import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { OnMessages } from './client.ts';
import { now, sentAt } from './message.ts';

/** Samples the latency from publish to delivery of every n-th frame, because reading the clock costs more than counting a frame. */
export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram();
  #recording = false;
  #frames = 0;
  readonly #every: number;

  constructor(every: number) {
    this.#every = every;
  }

  readonly onMessages: OnMessages = (_count, data, start, end) => {
    this.#frames += 1;
    if (!this.#recording || this.#frames % this.#every !== 0) return;
    const sent = sentAt(data, start, end);
    if (sent !== undefined) this.#histogram.record(Math.max(1, now() - sent));
  };

  start(): void {
    this.#histogram.reset();
    this.#recording = true;
  }

  /** In ms. */
  stop(): { p50: number; p99: number } {
    this.#recording = false;
    return { p50: this.#histogram.percentile(50) / 1000, p99: this.#histogram.percentile(99) / 1000 };
  }
}
