import { written } from './record.js';
import type { Partition } from '../partition/partition.js';
import type { PartitionMembers } from './partition-members.js';
import type { PartitionMonitor } from './partition-monitor.js';
import type { ServerClock } from './server-clock.js';
import type { Snapshots } from './snapshots.js';

/** What a pod has for a partition. */
export class Share {
  /** Former names of this pod that the partition may still know. */
  readonly #formerNames = new Set<string>();

  constructor(
    readonly partition: Partition,
    readonly clock: ServerClock,
    readonly snapshots: Snapshots,
    readonly members: PartitionMembers,
    readonly monitor: PartitionMonitor,
  ) {}

  /** The pod has another name. */
  renamed(former: string): void {
    this.#formerNames.add(former);
    this.rename();
  }

  /** Before anything else is written under the present name: later entries under a former one have no effect then. */
  rename(): void {
    for (const former of this.#formerNames) {
      const done = (): boolean => this.#formerNames.delete(former);
      written(this.partition, { kind: 'rename', former }, done).catch(() => undefined);
    }
  }
}
