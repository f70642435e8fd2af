import { STEP_TIMEOUT } from '../../call-deadlines.js';
import type { Outcome } from '../fold/outcome.js';
import type { Partition } from '../partition/partition.js';
import type { LogRecord } from '../records/records.js';

/**
 * Writes a record, and resolves when it has been folded.
 *
 * @param resultOf is called while the record is folded: later the state may be another one.
 * @throws BrokerUnavailableError
 * @throws BrokerUnknownError
 */
export async function written<T>(
  partition: Partition,
  record: LogRecord,
  resultOf: (outcome: Outcome) => T,
  timeout = STEP_TIMEOUT,
): Promise<T> {
  return new Promise((resolve, reject) => {
    partition.writer.write(record, performance.now() + timeout, {
      onOutcome: (outcome) => {
        try {
          resolve(resultOf(outcome));
        } catch (error) {
          reject(error);
        }
      },
      onError: reject,
    });
  });
}

/** For a record of which only matters that it was folded. */
export function nothing(): void {}
