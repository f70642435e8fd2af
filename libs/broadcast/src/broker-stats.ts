/**
 * Why a partition of a log does not continue where this pod had read to.
 *
 * - `truncated`: the last entry that this pod has read is gone, or another one is at its place.
 * - `recreated`: the same, and the server says that the log was deleted and created again.
 * - `trimmed`: the server removed entries before this pod had read them, because the pod was away for longer than they are kept.
 * - `digest`: the pods have not read the same entries, or not come to the same state.
 * - `expired`: there is no snapshot in the log, and no pod that knows the state.
 * - `other_pod`: another pod has found one of these.
 *
 * After `trimmed` the channels with lost messages have a gap. After the others all channels of the partition get a new epoch.
 */
export type LogLoss = 'truncated' | 'recreated' | 'trimmed' | 'digest' | 'expired' | 'other_pod';

/** A counter of each loss, at 0. */
export function noLosses(): Record<LogLoss, number> {
  return { truncated: 0, recreated: 0, trimmed: 0, digest: 0, expired: 0, other_pod: 0 };
}

/** What can be measured of a broker. Counters begin with the process and never decrease. */
export interface BrokerStats {
  /** How many times a lost connection to the broker was restored. */
  readonly reconnects: number;
  /** The histories that this pod keeps in its memory, in bytes, approximately; undefined if the broker keeps them on a server. */
  readonly memory: { readonly bytes: number; readonly maxBytes: number } | undefined;
  /** Undefined if the broker is not on a log. */
  readonly log: LogStats | undefined;
  /** By which the server removes data once its memory is full, such as `allkeys-lru`; undefined if it removes none. */
  readonly evictionPolicy?: string | undefined;
  /** Only of a broker that reads one feed for all channels. */
  readonly feed?: FeedStats;
}

export interface FeedStats {
  /** ms since this pod began the latest read that left nothing unread. Up to 250 ms if nothing is published. */
  readonly lag: number;
  /** Whether this pod is notified of publications; undefined if it only polls. */
  readonly isNotified: boolean | undefined;
  /** Reads that brought something, and what they brought: publications, joins, leaves and signals. */
  readonly entriesRead: number;
  readonly recordsRead: number;
  /** Statements with which this pod has published, and publications in them. */
  readonly entriesWritten: number;
  readonly recordsWritten: number;
}

export interface LogStats {
  /** ms for which publications are kept at most. The log keeps its entries for twice as long. */
  readonly window: number;
  readonly losses: Readonly<Record<LogLoss, number>>;
  /** Those that this pod knows of. */
  readonly partitions: readonly PartitionStats[];
}

export interface PartitionStats {
  readonly partition: number;
  /** Why it cannot be used; undefined if it can. */
  readonly problem: string | undefined;
  /**
   * ms since the latest entry that this pod has read was stored, by the log's time and this pod's clock. A pod writes to each
   * partition every 5 s, also if nobody else does.
   */
  readonly lag: number;
  /** Whether the lag was above 30 s when it was last compared, once a second unless there is an outage. */
  readonly isBehind: boolean;
  /** Entries that are stored and have not been read; undefined if the server does not know, or does not answer within 1 s. */
  readonly unread: number | undefined;
  /** ms since this pod has last read a complete snapshot, or a log that needs none. */
  readonly snapshotAge: number;
  /** Entries and records that this pod has read, including those that it reads at its start. */
  readonly entriesRead: number;
  readonly recordsRead: number;
  /** Entries and records of this pod that it has read back. */
  readonly entriesWritten: number;
  readonly recordsWritten: number;
  /** Digests of other pods that differ from this pod's. */
  readonly digestsDiffered: number;
  /** How many times reading ended and began again. */
  readonly interruptions: number;
}

/** What happened to a broker, for its operator. The broker repairs what it can by itself. */
export type BrokerNotice =
  /** A lost connection was restored. @param reason why it was lost. @param duration ms for which it was lost. */
  | { readonly kind: 'reconnected'; readonly reason: string; readonly duration: number }
  /** The server removes data by this policy once its memory is full: histories would be lost. */
  | { readonly kind: 'evicts'; readonly policy: string }
  /** Reading a partition ended, and begins again. */
  | { readonly kind: 'interrupted'; readonly partition: number; readonly reason: string }
  /** The lag is above 30 s, and there is no outage. @param lag ms. */
  | { readonly kind: 'behind'; readonly partition: number; readonly lag: number }
  | { readonly kind: 'caught-up'; readonly partition: number }
  /** A partition was empty, and this pod has begun it. */
  | { readonly kind: 'created'; readonly partition: number }
  | { readonly kind: 'loss'; readonly partition: number; readonly loss: LogLoss }
  | { readonly kind: 'snapshot-failed'; readonly partition: number; readonly reason: string }
  /** The latest snapshot is older than `window`. @param age ms. */
  | { readonly kind: 'snapshot-overdue'; readonly partition: number; readonly age: number };
