import { LeakyBucket } from './leaky-bucket.js';
import { ExpiringMap } from './expiring-map.js';

/** The most buckets that are kept: about 10 MB. */
const MAX_BUCKETS = 65_536;

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** How long a full bucket takes to drain, in ms. After that it equals a new one. */
export function emptyAfter({ burst, perSecond }: Rate): number {
  return (burst / perSecond) * 1_000;
}

/** A rate for each of many keys. Under a flood of keys some get a new burst, and memory stays bounded. */
export class RateTable {
  private readonly buckets: ExpiringMap<LeakyBucket>;

  constructor(rate: Rate, maxBuckets = MAX_BUCKETS) {
    this.buckets = new ExpiringMap(emptyAfter(rate), maxBuckets, () => new LeakyBucket(rate.burst, rate.perSecond));
  }

  get size(): number {
    return this.buckets.size;
  }

  /** @returns false if this one exceeds the rate of its key. */
  add(key: string): boolean {
    return this.buckets.get(key).add();
  }

  /** Counts something that happens whether there is room for it or not. What follows has to wait for it. */
  pour(key: string, amount: number): void {
    this.buckets.get(key).pour(amount);
  }
}
