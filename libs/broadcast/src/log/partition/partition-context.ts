import type { PlainFormat, PlainRefusal } from '../../plain-messages.js';
import type { Fold } from '../fold/fold.js';
import type { Outcome } from '../fold/outcome.js';
import type { Place } from '../fold/place.js';
import type { LogAdapter } from '../log-adapter.js';
import type { LogRecord } from '../records/records.js';
import type { Partition } from './partition.js';

export interface PartitionContext {
  readonly adapter: LogAdapter;
  /** The present name of this pod. */
  readonly pod: () => string;
  /** Whether this is, or was, a name of this pod. */
  readonly isOwn: (pod: string) => boolean;
  readonly clock: () => number;
  /** How many partitions the log has. */
  readonly partitions: () => number;
  readonly format: PlainFormat;
  /** Of plain messages, for a new era. */
  readonly policy: string;
  readonly events: PartitionEvents;
}

/** All calls are synchronous, and must not throw. */
export interface PartitionEvents {
  /**
   * A record was folded.
   *
   * @param isLive whether it is new to this pod; otherwise only the state that this leads to is of interest.
   */
  onOutcome(partition: Partition, outcome: Outcome, record: LogRecord, place: Place, isLive: boolean): void;
  /** The state is known. @param hasLost whether it is another one than before, without notice of what has changed. */
  onReady(partition: Partition, hasLost: boolean): void;
  /** The state is not known any more. */
  onForgotten(partition: Partition, fold: Fold): void;
  /** As {@link FoldEvents.onInvalid}. */
  onInvalid(partition: Partition): void;
  /** As {@link FoldEvents.onPlainRefused}. */
  onPlainRefused(channel: string, reason: PlainRefusal): void;
  onFault(error: unknown): void;
}
