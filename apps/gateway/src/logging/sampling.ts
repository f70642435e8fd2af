/** ms between two lines of the same kind. */
const INTERVAL_MS = 60_000;

/** Kinds that are kept apart. Clients decide about some of them, such as origins. */
const MAX_KINDS = 100;

interface Kind {
  /** On the clock of {@link performance.now}. */
  nextAt: number;
  skipped: number;
}

/** Lets one line per kind and minute pass, however often something happens, and counts the others. */
export class Sampling {
  private readonly kinds = new Map<string, Kind>();
  /** All kinds that there is no room for. */
  private others: Kind | undefined;

  /** @returns how many lines of this kind were skipped since the last one; undefined if this one is to be skipped. */
  take(kind: string): number | undefined {
    const now = performance.now();
    const own = this.kinds.get(kind);
    if (own === undefined && this.kinds.size >= MAX_KINDS) this.removeOld(now);
    const isOther = own === undefined && this.kinds.size >= MAX_KINDS;
    const known = isOther ? this.others : own;
    if (known !== undefined && now < known.nextAt) {
      known.skipped += 1;
      return undefined;
    }
    const next = { nextAt: now + INTERVAL_MS, skipped: 0 };
    if (isOther) this.others = next;
    else this.kinds.set(kind, next);
    return known?.skipped ?? 0;
  }

  private removeOld(now: number): void {
    for (const [kind, { nextAt }] of this.kinds) if (now >= nextAt) this.kinds.delete(kind);
  }
}
