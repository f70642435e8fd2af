import { LeakyBucket } from '../gateway/leaky-bucket.js';

/** How many buckets are kept at most: some 10 MB. */
const MAX_BUCKETS = 65_536;

export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * A rate for each of many keys. A bucket that nobody used for as long as a full one takes to run empty says no more than
 * a new one, so two generations of them are kept for that long each, and what was not used in either is forgotten. Where
 * there are too many keys a generation ends early: under a flood of keys some of them get a new burst, and memory stays.
 */
export class RateTable {
  private present = new Map<string, LeakyBucket>();
  private before = new Map<string, LeakyBucket>();
  private begun = performance.now();
  private readonly generationMs: number;

  constructor(
    private readonly rate: Rate,
    private readonly maxBuckets = MAX_BUCKETS,
  ) {
    this.generationMs = (rate.burst / rate.perSecond) * 1_000;
  }

  get size(): number {
    return this.present.size + this.before.size;
  }

  /** @returns false when this one is too many of its key. */
  add(key: string): boolean {
    if (this.present.size >= this.maxBuckets / 2 || performance.now() - this.begun > this.generationMs) this.turn();
    let bucket = this.present.get(key);
    if (bucket === undefined) {
      bucket = this.before.get(key) ?? new LeakyBucket(this.rate.burst, this.rate.perSecond);
      this.before.delete(key);
      this.present.set(key, bucket);
    }
    return bucket.add();
  }

  private turn(): void {
    this.before = this.present;
    this.present = new Map();
    this.begun = performance.now();
  }
}
