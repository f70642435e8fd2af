import { tick, TICK_MS } from './ticks.js';

/** A rate with a burst: holds `burst` at first and leaks `perSecond`; `add` says whether it ran over. */
export class LeakyBucket {
  private level = 0;
  private at = tick();

  constructor(
    private readonly burst: number,
    private readonly perSecond: number,
  ) {}

  /** @returns false if there is no room for one. If there is, an amount larger than the room left is taken all the same. */
  add(amount = 1): boolean {
    if (!this.hasRoom) return false;
    this.level += amount;
    return true;
  }

  /** Whether there is room for one. */
  get hasRoom(): boolean {
    this.leak();
    return this.level + 1 <= this.burst;
  }

  /** Takes what has happened already, even if that is too much. @returns whether it is. */
  pour(amount: number): boolean {
    this.leak();
    this.level += amount;
    return this.level > this.burst;
  }

  get isOver(): boolean {
    this.leak();
    return this.level > this.burst;
  }

  get isHalfEmpty(): boolean {
    this.leak();
    return this.level <= this.burst / 2;
  }

  private leak(): void {
    const now = tick();
    this.level = Math.max(0, this.level - ((now - this.at) * TICK_MS * this.perSecond) / 1000);
    this.at = now;
  }
}
