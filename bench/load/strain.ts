import { monitorEventLoopDelay, performance, type EventLoopUtilization } from 'node:perf_hooks';

/** What the load generator itself had to do: where it was busy all the time, it was the limit. */
export interface Strain {
  /** Its CPU time, as a share of the time that passed. */
  readonly cpu: number;
  /** The share of the time in which its event loop was not waiting. */
  readonly busy: number;
  /** How late its event loop was, 99th percentile, in ms. */
  readonly delay: number;
}

const RESOLUTION_MS = 5;

/** Beyond it a load generator is no judge of throughput. */
export const STRAINED = 0.9;

export class StrainGauge {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #cpu = process.cpuUsage();
  #utilization: EventLoopUtilization = performance.eventLoopUtilization();
  #since = performance.now();

  start(): void {
    this.#cpu = process.cpuUsage();
    this.#utilization = performance.eventLoopUtilization();
    this.#since = performance.now();
    this.#delay.reset();
    this.#delay.enable();
  }

  stop(): Strain {
    this.#delay.disable();
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      cpu: (user + system) / 1000 / (performance.now() - this.#since),
      busy: performance.eventLoopUtilization(this.#utilization).utilization,
      delay: Math.max(0, this.#delay.percentile(99) / 1e6 - RESOLUTION_MS),
    };
  }
}
