import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { Metrics } from '../metrics/metrics.js';
import { HeldMemory } from './held-memory.js';
import { MemoryInUse } from './memory-in-use.js';
import { EventLog } from '../logging/event-log.js';

const SAMPLE_MS = 1_000;

/** How often the event loop is probed, in ms. The values of `monitorEventLoopDelay` include it. */
const RESOLUTION_MS = 20;

/** Shares of a limit below which it counts as recovered, so that a pod at its limit does not flip each second. */
const RECOVERED = { delay: 0.5, memory: 0.9 };

/** How often garbage is collected while memory is short, unless V8 has done so. */
const COLLECT_EVERY_MS = 10_000;

/** How long clients have to connect elsewhere when asked. After that they may stay. */
const INVITED_WITHIN_MS = 30_000;

/** The clients of an overloaded pod, some of which may be better off on another one. */
export interface Sheddable {
  readonly count: number;
  /**
   * Asks some clients to connect elsewhere, each at most once in `within` ms.
   *
   * @returns how many were asked.
   */
  askSome(count: number, within: number): number;
}

/**
 * Watches whether this pod has more to do than it can handle. If so, upgrades are refused, and after a while clients
 * are asked in small batches to connect elsewhere. Nobody is closed: if every pod is overloaded, connected clients
 * stay.
 */
@Injectable()
export class Overload implements OnModuleInit, OnApplicationShutdown {
  /** The average of the last second. */
  eventLoopDelayMs = 0;
  /** The share of the memory limit that is in use. */
  memory = 0;
  /**
   * The share of the heap limit that was in use after the last full collection: what was allocated since may be
   * garbage.
   */
  heap = 0;

  private readonly histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private readonly inUse = new MemoryInUse();
  private timer: NodeJS.Timeout | undefined;
  /** When the overload began; undefined if there is none. */
  private since: number | undefined;
  /** A fraction below 1: the part of a client that has not been asked yet. */
  private due = 0;
  private clients: Sheddable | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(HeldMemory) private readonly held: HeldMemory,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(EventLog) private readonly log: EventLog,
  ) {}

  onModuleInit(): void {
    this.metrics.gauge(
      'holdfast_overloaded',
      '1 while upgrades are refused because of overload',
      () => +this.isOverloaded,
    );
    this.metrics.gauge(
      'holdfast_event_loop_delay_seconds',
      'Average delay of the event loop in the last second',
      () => this.eventLoopDelayMs / 1_000,
    );
    this.metrics.gauge('holdfast_memory_share', 'Share of the memory limit in use', () => this.memory);
    this.metrics.gauge(
      'holdfast_heap_share',
      'Share of the heap limit in use after the last full garbage collection',
      () => this.heap,
    );
    this.histogram.enable();
    this.inUse.start();
    this.timer = setInterval(() => {
      this.sample().catch((error: unknown) => this.log.write('overload.not_measured', { err: error }));
    }, SAMPLE_MS);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    this.histogram.disable();
    this.inUse.stop();
  }

  /** Sets the clients to ask while this pod is overloaded. */
  shedFrom(clients: Sheddable): void {
    this.clients = clients;
  }

  get isOverloaded(): boolean {
    return this.since !== undefined;
  }

  private async sample(): Promise<void> {
    // NaN if the loop was never on time to take a sample.
    this.eventLoopDelayMs = Math.max(0, (this.histogram.mean || 0) / 1e6 - RESOLUTION_MS);
    this.histogram.reset();
    this.heap = this.inUse.heapShare;
    try {
      this.memory = (await this.inUse.total()) / this.held.total;
    } catch {
      // Reading the file takes a descriptor, and none is free. Keep the last value.
    }
    this.judge(performance.now());
  }

  /** @internal */
  judge(now: number): void {
    const { maxEventLoopDelay, maxMemory, shedAfter } = this.config.overload;
    const isWell = this.since === undefined;
    const delayed = this.eventLoopDelayMs > maxEventLoopDelay * (isWell ? 1 : RECOVERED.delay);
    const full = Math.max(this.memory, this.heap) > maxMemory * (this.held.isShort ? RECOVERED.memory : 1);
    this.held.isShort = full;
    if (full) this.inUse.collectAfter(COLLECT_EVERY_MS);
    if (!delayed && !full) {
      if (!isWell) this.log.write('overload.ended');
      this.since = undefined;
      this.due = 0;
    } else if (this.since === undefined) {
      this.since = now;
      const { eventLoopDelayMs, memory, heap } = this;
      this.log.write('overload.began', { eventLoopDelayMs, memory, heap });
    } else if (now - this.since >= shedAfter) {
      this.shed();
    }
  }

  /** Asks a small share of the clients, starting with those that were not asked for longest. */
  private shed(): void {
    if (this.clients === undefined) return;
    this.due += this.clients.count * this.config.overload.shedShare;
    const asked = this.clients.askSome(Math.floor(this.due), INVITED_WITHIN_MS);
    this.due -= Math.floor(this.due);
    this.metrics.shed.inc(asked);
  }
}
