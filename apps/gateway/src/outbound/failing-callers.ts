import { LRUCache } from 'lru-cache';

/** How many askers are remembered. */
const MAX_REMEMBERED = 10_000;

/** So many failures in a row, and an asker has to wait: ms, at first and at most. */
const WAIT_AFTER = 5;
const MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 10_000;

interface Record {
  failures: number;
  /** By `performance.now()`. */
  until: number;
}

/** Askers whose questions keep failing. They alone wait, so that no one can make the backend fail as fast as it asks. */
export class FailingAskers {
  private readonly records = new LRUCache<string, Record>({ max: MAX_REMEMBERED });

  mustWait(asker: string): boolean {
    return performance.now() < (this.records.get(asker)?.until ?? 0);
  }

  answered(asker: string): void {
    this.records.delete(asker);
  }

  failed(asker: string): void {
    const record = this.records.get(asker) ?? { failures: 0, until: 0 };
    record.failures += 1;
    const excess = record.failures - WAIT_AFTER;
    if (excess >= 0) record.until = performance.now() + Math.min(MIN_WAIT_MS * 2 ** excess, MAX_WAIT_MS);
    this.records.set(asker, record);
  }
}
