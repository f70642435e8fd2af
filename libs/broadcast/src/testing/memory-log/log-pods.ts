import { onTestFinished } from 'vitest';
import { LogBroker } from '../../log/log-broker.js';
import type { LogSettings } from '../../log/settings.js';
import { Pod } from '../pod.js';
import type { MemoryLogAdapter } from './memory-log-adapter.js';
import type { MemoryLog } from './memory-log.js';

/**
 * Everything that takes minutes by default. A process that stalls for three beacons counts as dead, and a pod that lacks six counts
 * as behind.
 */
export const QUICK: Partial<LogSettings> = { beaconInterval: 100, snapshotInterval: 100, linger: 50 };

/** A pod on the log that does not run yet. It is closed after the test. */
export function connect(
  log: MemoryLog,
  settings: Partial<LogSettings> = QUICK,
): { pod: Pod; adapter: MemoryLogAdapter } {
  const adapter = log.connect();
  const pod = new Pod(new LogBroker(adapter, settings));
  onTestFinished(async () => pod.close());
  return { pod, adapter };
}

export async function start(log: MemoryLog, settings?: Partial<LogSettings>): Promise<Pod> {
  const { pod } = connect(log, settings);
  await pod.start();
  return pod;
}
