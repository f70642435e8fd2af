/** How many askers must fail, with nobody answered in between, until the fault is taken for the backend's. */
const BREAK_AFTER = 5;

/** One asker can cause any number of failures. Nobody else being answered for so long, in ms, makes them the backend's. */
const BREAK_AFTER_FAILURES = 20;
const BREAK_AFTER_MS = 10_000;

/** How long the backend is left alone, in ms: at first and at most. */
const MIN_BREAK_MS = 1_000;
const MAX_BREAK_MS = 10_000;

/** How many questions try, in each period after the first, whether the backend is back. */
const PROBES = 5;

/** How the last question ended that somebody asked. */
export type Fault = 'unreachable' | 'other';

/**
 * Leaves a backend alone that fails, whoever asks. What it answers to one asker proves nothing: that question may be what it
 * fails at. So failures count once for each asker, and one answer to anybody clears them. Only a server that cannot be
 * reached at all is at fault by itself.
 */
export class BackendBreaker {
  private readonly failing = new Set<string>();
  private failures = 0;
  private unreachable = 0;
  private failingSince = 0;
  /** When the present period of an open circuit ends; undefined while it is closed. */
  private periodEnd: number | undefined;
  private periodMs = MIN_BREAK_MS;
  private probesLeft = 0;
  private readonly probing = new Set<string>();

  /** @param onChange is called when the circuit opens or closes. */
  constructor(private readonly onChange: (isOpen: boolean) => void) {}

  get isOpen(): boolean {
    return this.periodEnd !== undefined;
  }

  /** Whether nobody is let through now. */
  get refusesAll(): boolean {
    return this.periodEnd !== undefined && this.probesLeft === 0 && performance.now() < this.periodEnd;
  }

  /**
   * Whether a question may be asked. While the circuit is open a few may, each of another asker, so that one whose questions
   * always fail does not keep it open for others.
   */
  admits(asker: string): boolean {
    if (this.periodEnd === undefined) return true;
    if (performance.now() >= this.periodEnd) {
      this.periodMs = Math.min(2 * this.periodMs, MAX_BREAK_MS);
      this.beginPeriod(PROBES);
    }
    if (this.probesLeft === 0 || this.probing.has(asker)) return false;
    this.probesLeft -= 1;
    this.probing.add(asker);
    return true;
  }

  answered(): void {
    this.failing.clear();
    this.failures = 0;
    this.unreachable = 0;
    if (this.periodEnd === undefined) return;
    this.periodEnd = undefined;
    this.onChange(false);
  }

  /** @param voter whom the failure counts for: of those who cannot be told apart one for all. */
  failed(voter: string, fault: Fault): void {
    const now = performance.now();
    if (this.failures === 0) this.failingSince = now;
    this.failures += 1;
    this.unreachable = fault === 'unreachable' ? this.unreachable + 1 : 0;
    if (this.periodEnd !== undefined) return;
    this.failing.add(voter);
    const isSilent = this.failures >= BREAK_AFTER_FAILURES && now - this.failingSince >= BREAK_AFTER_MS;
    if (this.failing.size < BREAK_AFTER && this.unreachable < BREAK_AFTER && !isSilent) return;
    this.periodMs = MIN_BREAK_MS;
    this.beginPeriod(0);
    this.onChange(true);
  }

  private beginPeriod(probes: number): void {
    // Pods that failed together do not come again together.
    this.periodEnd = performance.now() + this.periodMs * (0.75 + 0.25 * Math.random());
    this.probesLeft = probes;
    this.probing.clear();
  }
}
