import type { Finding } from '../finding.js';
import type { Gateway } from '../gateway/gateway.js';
import type { Probes } from '../probes/probes.js';
import type { Snapshot } from '../snapshot/snapshot.js';

/** Everything that a check may know. */
export interface Situation {
  readonly snapshot: Snapshot;
  readonly gateway: Gateway;
  readonly probes: Probes;
}

/** Yields a finding for each fault that it sees. Pure: the same situation has the same findings. */
export type Check = (situation: Situation) => Iterable<Finding>;
