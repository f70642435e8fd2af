import type { BrokerNotice, LogLoss, PartitionStats } from '../../broker-stats.js';
import { steadyNow } from '../../steady-clock.js';
import type { Outcome } from '../fold/outcome.js';
import type { Place } from '../fold/place.js';
import type { Partition } from '../partition/partition.js';
import { NO_ERA } from '../records/records.js';
import type { LogSettings } from '../settings.js';
import type { Snapshots } from './snapshots.js';

/**
 * Beacons without an entry, after which a partition counts as behind. The next pod that writes to all partitions takes over after
 * three to five when the former one has died.
 */
const BEHIND = 6;

export interface PartitionMonitorContext {
  readonly partition: Partition;
  readonly snapshots: Snapshots;
  readonly settings: LogSettings;
  /** Counted for all partitions together. */
  readonly losses: Record<LogLoss, number>;
  readonly onNotice: (notice: BrokerNotice) => void;
}

/** Measures one partition for its operator, and notices what they should know. */
export class PartitionMonitor {
  readonly #context: PartitionMonitorContext;
  /** The era that was known last. */
  #era = NO_ERA;
  /** When the latest entry was stored, by log time. */
  #readTo = steadyNow();
  #isBehind = false;
  #isOverdue = false;
  #entriesRead = 0;
  #recordsRead = 0;
  #entriesWritten = 0;
  #recordsWritten = 0;
  #digestsDiffered = 0;
  #interruptions = 0;

  constructor(context: PartitionMonitorContext) {
    this.#context = context;
  }

  /** A record was read. @param isOwn whether this pod wrote it. */
  onOutcome(outcome: Outcome, place: Place, isOwn: boolean, isLive: boolean): void {
    const entries = place.index === 0 ? 1 : 0;
    this.#entriesRead += entries;
    this.#recordsRead += 1;
    if (isOwn) {
      this.#entriesWritten += entries;
      this.#recordsWritten += 1;
    }
    this.#readTo = place.time;
    if (!isLive) return;
    if (outcome.kind === 'digest' && outcome.differs === true) this.#digestsDiffered += 1;
    else if (outcome.kind === 'era') this.known();
  }

  /** The state is known: the era may be another one than before. */
  known(): void {
    const { partition, onNotice, losses } = this.#context;
    const { cause, era, index } = partition;
    const former = this.#era;
    partition.cause = undefined;
    this.#era = era;
    if (cause === 'created') {
      onNotice({ kind: 'created', partition: index });
      return;
    }
    const hasLost = era === former ? cause === 'trimmed' : former !== NO_ERA || cause === 'expired';
    if (!hasLost) return;
    const loss = cause ?? 'other_pod';
    losses[loss] += 1;
    onNotice({ kind: 'loss', partition: index, loss });
  }

  /** @param isOutage whether it is part of an outage, of which there are other notices. */
  interrupted(reason: string, isOutage: boolean): void {
    this.#interruptions += 1;
    const { partition, onNotice } = this.#context;
    if (!isOutage) onNotice({ kind: 'interrupted', partition: partition.index, reason });
  }

  /** Called once a second while there is no outage. */
  look(): void {
    const { partition, snapshots, settings, onNotice } = this.#context;
    const lag = this.#lag;
    const isBehind = lag > BEHIND * settings.beaconInterval;
    if (isBehind !== this.#isBehind) {
      this.#isBehind = isBehind;
      if (isBehind) onNotice({ kind: 'behind', partition: partition.index, lag });
      else onNotice({ kind: 'caught-up', partition: partition.index });
    }
    const isOverdue = snapshots.age > settings.window;
    if (isOverdue && !this.#isOverdue) {
      onNotice({ kind: 'snapshot-overdue', partition: partition.index, age: snapshots.age });
    }
    this.#isOverdue = isOverdue;
  }

  /** @param unread as in {@link PartitionStats}. */
  stats(unread: number | undefined): PartitionStats {
    const { partition, snapshots } = this.#context;
    return {
      partition: partition.index,
      problem: partition.problem,
      lag: this.#lag,
      isBehind: this.#isBehind,
      unread,
      snapshotAge: snapshots.age,
      entriesRead: this.#entriesRead,
      recordsRead: this.#recordsRead,
      entriesWritten: this.#entriesWritten,
      recordsWritten: this.#recordsWritten,
      digestsDiffered: this.#digestsDiffered,
      interruptions: this.#interruptions,
    };
  }

  get #lag(): number {
    return Math.max(steadyNow() - this.#readTo, 0);
  }
}
