import type { ChannelMember } from '../../broker.js';
import { LeasedConnections } from '../../membership/leased-connections.js';
import { LeasedPresence } from '../../membership/leased-presence.js';
import type { GroupIndex } from '../../membership/pod-index.js';
import type { Partition } from '../partition/partition.js';
import { LogConnectionStore } from './log-connection-store.js';
import { LogPresenceStore } from './log-presence-store.js';

/** The log itself says what a pod has. */
const NO_INDEX: GroupIndex = { add: () => {}, remove: () => {} };

/** The members and connections of this pod in one partition: what the log loses of them is written again. */
export class PartitionMembers {
  readonly presence: LeasedPresence;
  readonly connections: LeasedConnections;
  readonly #store: LogConnectionStore;

  constructor(
    partition: Partition,
    pod: () => string,
    now: () => number,
    onLate: (event: 'join' | 'leave', channel: string, member: ChannelMember, count: number) => void,
  ) {
    this.#store = new LogConnectionStore(partition, pod);
    this.presence = new LeasedPresence(new LogPresenceStore(partition, pod, onLate), NO_INDEX, now);
    this.connections = new LeasedConnections(this.#store, NO_INDEX, now);
  }

  /** The log may have lost what this pod has. */
  restore(): void {
    for (const { entries } of [this.presence, this.connections]) entries.markLost();
  }

  /** The log can be written again. */
  retryNow(): void {
    for (const { entries } of [this.presence, this.connections]) entries.retryNow();
  }

  async close(): Promise<void> {
    await Promise.all([this.presence, this.connections].map(async ({ entries }) => entries.close()));
  }
}
