import { splitBatch, type Batch } from './split-batch.js';

/** How many refused events are kept. */
const MAX_KEPT = 1_000;

/** How often the backend must refuse one event, and accept others in between, until it is dropped. */
const MAX_REFUSALS = 3;

/** ms until a refused event is sent again, at first and at most. */
const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;

/**
 * How long an owner's events are sent apart from others after one was dropped, in ms, and how many owners are
 * remembered.
 */
const SUSPECT_MS = 60_000;
const MAX_SUSPECTS = 1_000;

interface Refused {
  readonly batch: Batch;
  /** On the clock of `performance.now()`. */
  readonly until: number;
  readonly dueAt: number;
  readonly tries: number;
  readonly refusals: number;
  /** How much the backend had accepted when it refused this. */
  readonly takenBefore: number;
}

/**
 * Events that a backend refuses while it accepts others. They are sent again apart from those, in smaller and smaller
 * batches, until it is known which ones it does not accept.
 */
export class RefusedEvents {
  private kept: Refused[] = [];
  private count = 0;
  private taken = 0;
  private readonly suspects = new Map<string, number>();

  /** @param dropped is called with the number of events that are given up. */
  constructor(
    private readonly retryFor: number,
    private readonly dropped: (count: number) => void,
  ) {}

  get size(): number {
    return this.count;
  }

  /** ms until the next batch is due. */
  get dueIn(): number {
    return this.kept.reduce((least, { dueAt }) => Math.min(least, dueAt), Infinity) - performance.now();
  }

  /** The backend has accepted something: if it refuses something now, that is not because it is unavailable. */
  backendTook(): void {
    this.taken += 1;
  }

  /** Whether events of this owner are better sent apart from others. */
  isSuspect(owner: string): boolean {
    const until = this.suspects.get(owner);
    if (until === undefined) return false;
    if (performance.now() < until) return true;
    this.suspects.delete(owner);
    return false;
  }

  add(batch: Batch): void {
    const now = performance.now();
    this.keep({ batch, until: now + this.retryFor, dueAt: now, tries: 0, refusals: 0, takenBefore: this.taken });
  }

  /**
   * Takes out a batch that is due. Its result is reported by {@link backendTook} or {@link refused}.
   *
   * @param isLastTry whether all are due.
   */
  next(isLastTry: boolean): Refused | undefined {
    const now = performance.now();
    const index = this.kept.findIndex(({ dueAt }) => isLastTry || dueAt <= now);
    const [refused] = index === -1 ? [] : this.kept.splice(index, 1);
    this.count -= refused?.batch.length ?? 0;
    return refused;
  }

  /** @param wasSent false if the backend was not reached. */
  refused({ batch, until, tries, refusals, takenBefore }: Refused, wasSent: boolean): void {
    const now = performance.now();
    if (wasSent && batch.length > 1) {
      for (const half of splitBatch(batch, 2)) {
        this.keep({ batch: half, until, dueAt: now, tries: 0, refusals: 0, takenBefore: this.taken });
      }
      return;
    }
    const counts = wasSent && this.taken > takenBefore ? refusals + 1 : refusals;
    if (counts >= MAX_REFUSALS || now >= until) {
      this.suspect(batch);
      this.dropped(batch.length);
      return;
    }
    const dueAt = now + Math.min(MIN_BACKOFF_MS * 2 ** tries, MAX_BACKOFF_MS);
    this.keep({ batch, until, dueAt, tries: tries + 1, refusals: counts, takenBefore: this.taken });
  }

  /** Gives up everything that is left. */
  clear(): void {
    if (this.count > 0) this.dropped(this.count);
    this.kept = [];
    this.count = 0;
  }

  private keep(refused: Refused): void {
    this.kept.push(refused);
    this.count += refused.batch.length;
    while (this.count > MAX_KEPT) {
      const oldest = this.kept.shift();
      if (oldest === undefined) return;
      this.count -= oldest.batch.length;
      this.dropped(oldest.batch.length);
    }
  }

  private suspect(batch: Batch): void {
    for (const { owner } of batch) {
      this.suspects.delete(owner);
      this.suspects.set(owner, performance.now() + SUSPECT_MS);
      const [oldest] = this.suspects.keys();
      if (this.suspects.size > MAX_SUSPECTS && oldest !== undefined) this.suspects.delete(oldest);
    }
  }
}
