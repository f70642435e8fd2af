import { LRUCache } from 'lru-cache';

/** How many callers are remembered. */
const MAX_CALLERS = 10_000;

/** After this many failures in a row a caller has to wait: ms, at first and at most. */
const WAIT_AFTER = 5;
const MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 10_000;

interface Record {
  failures: number;
  /** On the clock of `performance.now()`. */
  until: number;
}

/**
 * Callers whose requests keep failing. Only they have to wait, so that nobody can make the backend fail as fast as they
 * ask.
 */
export class FailingCallers {
  private readonly records = new LRUCache<string, Record>({ max: MAX_CALLERS });

  mustWait(caller: string): boolean {
    return performance.now() < (this.records.get(caller)?.until ?? 0);
  }

  answered(caller: string): void {
    this.records.delete(caller);
  }

  failed(caller: string): void {
    const record = this.records.get(caller) ?? { failures: 0, until: 0 };
    record.failures += 1;
    const excess = record.failures - WAIT_AFTER;
    if (excess >= 0) record.until = performance.now() + Math.min(MIN_WAIT_MS * 2 ** excess, MAX_WAIT_MS);
    this.records.set(caller, record);
  }
}
