import { LeakyBucket } from './leaky-bucket.js';
import { Generations } from './generations.js';

/** How many buckets are kept at most: some 10 MB. */
const MAX_BUCKETS = 65_536;

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** How long a full bucket takes to run empty, in ms: it then says no more than a new one. */
export function emptyAfter({ burst, perSecond }: Rate): number {
  return (burst / perSecond) * 1_000;
}

/** A rate for each of many keys. Under a flood of keys some of them get a new burst, and memory stays. */
export class RateTable {
  private readonly buckets: Generations<LeakyBucket>;

  constructor(rate: Rate, maxBuckets = MAX_BUCKETS) {
    this.buckets = new Generations(emptyAfter(rate), maxBuckets, () => new LeakyBucket(rate.burst, rate.perSecond));
  }

  get size(): number {
    return this.buckets.size;
  }

  /** @returns false when this one is too many of its key. */
  add(key: string): boolean {
    return this.buckets.get(key).add();
  }

  /** Counts what happens whether there is room for it or not: what comes next waits for it. */
  pour(key: string, amount: number): void {
    this.buckets.get(key).pour(amount);
  }
}
