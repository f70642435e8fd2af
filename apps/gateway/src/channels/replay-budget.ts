/** How many replays of the largest size one connection may have at once. */
const REPLAYS_AT_ONCE = 4;

/**
 * What is replayed to one connection: a client that asks for a lot and reads nothing costs this much and no more.
 * Further replays wait until it has read. A client that never does is closed for its unanswered pings.
 */
export class ReplayBudget {
  private used = 0;
  /** The part of it for replays that have not been read yet. */
  private reserved = 0;
  private ended = false;
  private waiting: (() => void)[] = [];

  /** @param maxBytes of one replay. */
  constructor(private readonly maxBytes: number) {}

  get isBusy(): boolean {
    return this.used > 0;
  }

  /** Bytes that were read and wait to be sent. */
  get unsent(): number {
    return this.used - this.reserved;
  }

  /** Waits for room for a replay of any size. {@link settle} then reports its actual size. */
  async reserve(): Promise<void> {
    while (!this.ended && this.used + this.maxBytes > REPLAYS_AT_ONCE * this.maxBytes) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    this.used += this.maxBytes;
    this.reserved += this.maxBytes;
  }

  settle(bytes: number): void {
    this.reserved -= this.maxBytes;
    this.release(this.maxBytes - bytes);
  }

  /** These bytes were sent, or never will be. */
  release(bytes: number): void {
    this.used -= bytes;
    this.wake();
  }

  /** The connection is closed, so nobody needs to wait any more. */
  end(): void {
    this.ended = true;
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
