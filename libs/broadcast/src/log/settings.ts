import type { PlainSettings } from '../plain-messages.js';

/** What the brokers on logs have in common. All durations are in ms. */
export interface LogSettings {
  /** For which publications and idempotency keys are kept at most. The log has to keep its entries for twice as long. */
  readonly window: number;
  /** What all channels of a pod may keep in memory of their publications, in bytes. */
  readonly windowBytes: number;
  /** Between two snapshots of a partition in which something has changed. */
  readonly snapshotInterval: number;
  /** Between two beacons of a pod. A pod is declared dead when three of another one are stored, and none of its own. */
  readonly beaconInterval: number;
  /** For which a channel stays open after its last subscriber has left this pod. */
  readonly linger: number;
  /** What backends may publish by the broker itself; nothing if undefined. */
  readonly plain: PlainSettings | undefined;
}

export const DEFAULT_LOG_SETTINGS: LogSettings = {
  window: 900_000,
  windowBytes: 134_217_728,
  snapshotInterval: 120_000,
  beaconInterval: 5_000,
  linger: 3_000,
  plain: undefined,
};
