/** ms between two lines of the same kind. */
const INTERVAL_MS = 60_000;

interface Kind {
  /** For {@link performance.now}. */
  nextAt: number;
  skipped: number;
}

/** Has one line per kind and minute logged, however often something happens. There must be few kinds. */
export class ThrottledLog {
  private readonly kinds = new Map<string, Kind>();

  constructor(private readonly interval = INTERVAL_MS) {}

  /** @param write is called unless a line of this kind was written a moment ago, with how many have been skipped since. */
  write(kind: string, write: (skipped: number) => void): void {
    const now = performance.now();
    const known = this.kinds.get(kind);
    if (known !== undefined && now < known.nextAt) {
      known.skipped += 1;
      return;
    }
    this.kinds.set(kind, { nextAt: now + this.interval, skipped: 0 });
    write(known?.skipped ?? 0);
  }
}
