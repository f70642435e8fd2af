import { noLosses, type BrokerNotice, type LogStats } from '../../broker-stats.js';
import type { LogAdapter } from '../log-adapter.js';
import type { Partition } from '../partition/partition.js';
import type { LogSettings } from '../settings.js';
import { PartitionMonitor } from './partition-monitor.js';
import type { Share } from './share.js';
import type { Snapshots } from './snapshots.js';

/** ms within which the server has to say how much is stored. */
const TIMEOUT = 1_000;

export interface PodMonitorContext {
  readonly adapter: LogAdapter;
  readonly settings: LogSettings;
  readonly onNotice: (notice: BrokerNotice) => void;
}

/** Measures a pod on a log for its operator, and notices what they should know. */
export class PodMonitor {
  readonly #context: PodMonitorContext;
  readonly #losses = noLosses();
  #reconnects = 0;
  /** The outage that is not over. */
  #outage: { readonly reason: string; readonly since: number } | undefined;

  constructor(context: PodMonitorContext) {
    this.#context = context;
  }

  /** How many times a lost connection was restored. */
  get reconnects(): number {
    return this.#reconnects;
  }

  partition(partition: Partition, snapshots: Snapshots): PartitionMonitor {
    const { settings, onNotice } = this.#context;
    return new PartitionMonitor({ partition, snapshots, settings, losses: this.#losses, onNotice });
  }

  /** The connection is lost. */
  away(reason: string): void {
    this.#outage = { reason, since: performance.now() };
  }

  /** There is a connection. */
  opened(): void {
    if (this.#outage === undefined) return;
    const { reason, since } = this.#outage;
    this.#outage = undefined;
    this.#reconnects += 1;
    this.#context.onNotice({ kind: 'reconnected', reason, duration: performance.now() - since });
  }

  snapshotFailed({ index }: Partition, reason: string): void {
    this.#context.onNotice({ kind: 'snapshot-failed', partition: index, reason });
  }

  /** Called once a second. @param isOutage whether the pod cannot use the log, which others report. */
  look(shares: readonly Share[], isOutage: boolean): void {
    for (const { partition, monitor } of shares) {
      if (partition.look()) monitor.interrupted('nothing was read although an entry was stored', false);
      if (!isOutage) monitor.look();
    }
  }

  async stats(shares: readonly Share[]): Promise<LogStats> {
    const partitions = shares.map(async ({ partition, monitor }) => monitor.stats(await this.#unread(partition)));
    return {
      window: this.#context.settings.window,
      losses: { ...this.#losses },
      partitions: await Promise.all(partitions),
    };
  }

  /** As in {@link PartitionStats}. */
  async #unread({ index, at }: Partition): Promise<number | undefined> {
    const { adapter } = this.#context;
    if (!adapter.traits.bounds || this.#outage !== undefined || at === undefined) return undefined;
    try {
      const { next } = await adapter.bounds(index, AbortSignal.timeout(TIMEOUT));
      return Math.max(next - at, 0);
    } catch {
      return undefined;
    }
  }
}
