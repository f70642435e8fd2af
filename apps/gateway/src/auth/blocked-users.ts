interface Refusal {
  /** ms since the Unix epoch, by the broker's clock. */
  readonly until: number;
  /** The same on the clock of `performance.now()`. */
  readonly end: number;
}

/**
 * Users who may not connect until a time. The time is the broker's; from the moment at which this pod learns it, a
 * monotonic clock keeps it, so that setting the pod's clock neither ends nor prolongs it.
 */
export class RefusedUsers {
  private readonly refusals = new Map<string, Refusal>();

  /**
   * Refuses a user. The latest `until` counts.
   *
   * @param until ms since the Unix epoch.
   * @param now the broker's clock at this moment.
   */
  refuse(user: string, until: number, now: number): void {
    if (until <= (this.refusals.get(user)?.until ?? now)) return;
    this.refusals.set(user, { until, end: performance.now() + until - now });
  }

  has(user: string): boolean {
    const refusal = this.refusals.get(user);
    return refusal !== undefined && refusal.end > performance.now();
  }

  /** Who is refused now, and until when. */
  list(): { readonly user: string; readonly until: number }[] {
    return Array.from(this.refusals, ([user, { until }]) => ({ user, until })).filter(({ user }) => this.has(user));
  }

  /** Forgets whose time is over. */
  forget(): void {
    for (const user of this.refusals.keys()) if (!this.has(user)) this.refusals.delete(user);
  }
}
