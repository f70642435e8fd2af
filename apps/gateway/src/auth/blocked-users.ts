import { Injectable } from '@nestjs/common';

interface Block {
  /** ms since the Unix epoch, by the broker's clock. */
  readonly until: number;
  /** The same moment on the clock of `performance.now()`. */
  readonly end: number;
}

/**
 * Users who may not connect until some time. That time is the broker's. From the moment this pod learns it, a monotonic
 * clock keeps it, so that changing the pod's clock neither shortens nor prolongs a block.
 */
@Injectable()
export class BlockedUsers {
  private readonly blocks = new Map<string, Block>();

  /**
   * Blocks a user. If there are several blocks of one user, the latest `until` counts.
   *
   * @param until ms since the Unix epoch.
   * @param now the broker's clock at this moment.
   */
  block(user: string, until: number, now: number): void {
    if (until <= (this.blocks.get(user)?.until ?? now)) return;
    this.blocks.set(user, { until, end: performance.now() + until - now });
  }

  /** Lets a user connect again. */
  unblock(user: string): void {
    this.blocks.delete(user);
  }

  has(user: string | undefined): boolean {
    const block = user === undefined ? undefined : this.blocks.get(user);
    return block !== undefined && block.end > performance.now();
  }

  /** Everybody who is blocked now, and until when. */
  list(): { readonly user: string; readonly until: number }[] {
    return Array.from(this.blocks, ([user, { until }]) => ({ user, until })).filter(({ user }) => this.has(user));
  }

  removeExpired(): void {
    for (const user of this.blocks.keys()) if (!this.has(user)) this.blocks.delete(user);
  }
}
