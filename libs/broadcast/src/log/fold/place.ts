import type { LogOffset } from '../log-adapter.js';
import type { PodState } from './pod-table.js';

/** Where a record is in its partition, and who wrote it when. */
export interface Place {
  readonly offset: LogOffset;
  /** The record's number in its entry, from 0. */
  index: number;
  /** Log time. */
  readonly time: number;
  readonly pod: PodState;
}
