/** A result is shared for this many times as long as its scrape took, so that scrapes take at most a tenth of a core. */
const SHARED_FOR = 10;

/**
 * Collects the metrics once for everybody who asks at about the same time. Asking needs no credentials, and each scrape
 * takes some milliseconds.
 */
export class SharedScrape {
  private latest: Promise<string> | undefined;
  private validUntil = Infinity;

  constructor(private readonly collect: () => Promise<string>) {}

  /** Rejects if the metrics cannot be collected. The next call tries again. */
  get(): Promise<string> {
    if (this.latest === undefined || performance.now() > this.validUntil) this.latest = this.scrape();
    return this.latest;
  }

  private async scrape(): Promise<string> {
    const begun = performance.now();
    this.validUntil = Infinity;
    try {
      const metrics = await this.collect();
      const now = performance.now();
      this.validUntil = now + SHARED_FOR * (now - begun);
      return metrics;
    } catch (error) {
      this.latest = undefined;
      throw error;
    }
  }
}
