import { tick, TICK_MS } from './ticks.js';

/** A rate with a burst: holds `burst` at first and leaks `perSecond`; `add` says whether it ran over. */
export class LeakyBucket {
  private level = 0;
  private at = tick();

  constructor(
    private readonly burst: number,
    private readonly perSecond: number,
  ) {}

  /** @returns false when this one is too many. */
  add(): boolean {
    this.leak();
    if (this.level + 1 > this.burst) return false;
    this.level += 1;
    return true;
  }

  /** Takes what has happened already, even if that is too much. */
  pour(amount: number): void {
    this.leak();
    this.level += amount;
  }

  get isOver(): boolean {
    this.leak();
    return this.level > this.burst;
  }

  private leak(): void {
    const now = tick();
    this.level = Math.max(0, this.level - ((now - this.at) * TICK_MS * this.perSecond) / 1000);
    this.at = now;
  }
}
