/** Scrapes within this many times as long as the last one took share its result: they take a tenth of a core at most. */
const SHARED_FOR = 10;

/** Collects the metrics for everybody who asks at about the same time: no proof is needed to ask, and each time costs some ms. */
export class SharedScrape {
  private latest: Promise<string> | undefined;
  private validUntil = Infinity;

  constructor(private readonly collect: () => Promise<string>) {}

  /** Rejects if the metrics cannot be collected; the next call tries again. */
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
