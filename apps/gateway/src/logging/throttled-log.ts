/** ms between two lines of the same kind. */
const INTERVAL_MS = 60_000;

interface Kind {
  /** On the clock of {@link performance.now}. */
  nextAt: number;
  skipped: number;
}

/**
 * Logs at most one line per kind and minute, however often something happens. Each kind is kept in memory, so there
 * must be few of them.
 */
export class ThrottledLog {
  private readonly kinds = new Map<string, Kind>();

  constructor(private readonly interval = INTERVAL_MS) {}

  /**
   * @param write is called with the number of lines skipped since the last one, unless a line of this kind was written
   * less than a minute ago.
   */
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
