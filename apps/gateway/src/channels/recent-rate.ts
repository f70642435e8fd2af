const PERIOD_MS = 10_000;

/** How often something has happened recently, from the counts of two periods. */
export class RecentRate {
  private period = 0;
  private current = 0;
  private previous = 0;

  add(): void {
    this.moveTo(performance.now());
    this.current += 1;
  }

  /** The average over about {@link PERIOD_MS}: the previous period counts as far as it lies within that. */
  perSecond(): number {
    const now = performance.now();
    this.moveTo(now);
    const share = now / PERIOD_MS - this.period;
    return ((this.previous * (1 - share) + this.current) * 1_000) / PERIOD_MS;
  }

  private moveTo(now: number): void {
    const period = Math.floor(now / PERIOD_MS);
    if (period === this.period) return;
    this.previous = period === this.period + 1 ? this.current : 0;
    this.current = 0;
    this.period = period;
  }
}
