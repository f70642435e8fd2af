import { monitorEventLoopDelay, performance, type EventLoopUtilization } from 'node:perf_hooks';
import { SERVER_CORE, type ServerProcess } from '../servers/process.ts';
import { coreTime } from '../servers/usage.ts';

/** In µs of the system's monotonic clock, like CPU profiles. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** Conditions that show whether figures can be trusted. */
export interface Conditions {
  /** The share of the time in which the load generator's event loop was not waiting. */
  readonly busy: number;
  /** The load generator's CPU time, as a share of the time that passed. */
  readonly cpu: number;
  /** The delay of its event loop, 99th percentile, in ms. */
  readonly delay: number;
  /** The share of the servers' core that they used. */
  readonly server: number;
  /** The share of that core that other programs and the kernel used. */
  readonly others: number;
  /** When the measurement took place. */
  readonly window: Window;
}

export interface Measured {
  /** The CPU time of the servers, in µs. */
  readonly cpu: number;
  readonly conditions: Conditions;
}

const RESOLUTION_MS = 5;

/** Measures servers and their environment, from its creation until it is stopped. */
export class Meter {
  readonly #servers: ReadonlySet<ServerProcess>;
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #own = process.cpuUsage();
  readonly #utilization: EventLoopUtilization = performance.eventLoopUtilization();
  readonly #since = monotonicTime();
  readonly #cpu: number;
  readonly #core: number;

  constructor(...servers: readonly ServerProcess[]) {
    this.#servers = new Set(servers);
    this.#delay.enable();
    this.#core = coreTime(SERVER_CORE);
    this.#cpu = this.#serverTime;
  }

  stop(): Measured {
    const cpu = this.#serverTime - this.#cpu;
    const core = coreTime(SERVER_CORE) - this.#core;
    const window = { from: this.#since, to: monotonicTime() };
    const passed = window.to - window.from;
    const { user, system } = process.cpuUsage(this.#own);
    this.#delay.disable();
    const conditions: Conditions = {
      busy: performance.eventLoopUtilization(this.#utilization).utilization,
      cpu: (user + system) / passed,
      // NaN if the loop was never on time to measure.
      delay: Math.max(0, (this.#delay.percentile(99) || 0) / 1e6 - RESOLUTION_MS),
      server: cpu / passed,
      others: Math.max(0, core - cpu) / passed,
      window,
    };
    return { cpu, conditions };
  }

  get #serverTime(): number {
    return [...this.#servers].reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  }
}

function monotonicTime(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
