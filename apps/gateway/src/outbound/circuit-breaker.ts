/** How many callers must fail, with no success in between, for the backend to be at fault. */
const BREAK_AFTER = 5;

/**
 * A single caller can cause any number of failures. If there was no success for this long, in ms, the backend is at
 * fault.
 */
const BREAK_AFTER_FAILURES = 20;
const BREAK_AFTER_MS = 10_000;

/** How long the backend is left alone, in ms: at first and at most. */
const MIN_BREAK_MS = 1_000;
const MAX_BREAK_MS = 10_000;

/** How many requests per period, after the first one, may probe whether the backend is back. */
const PROBES = 5;

/** Why a request failed. */
export type Fault = 'unreachable' | 'other';

/**
 * Stops requests to a failing backend. A failure for one caller proves nothing, since that very request may be the
 * cause. So failures count once per caller, and one success for anybody clears them. Only a server that cannot be
 * reached is at fault regardless of the caller.
 */
export class CircuitBreaker {
  private readonly failing = new Set<string>();
  private failures = 0;
  private unreachable = 0;
  private failingSince = 0;
  /** When the current period of the open circuit ends; undefined while it is closed. */
  private periodEnd: number | undefined;
  private periodMs = MIN_BREAK_MS;
  private probesLeft = 0;
  private readonly probing = new Set<string>();

  /** @param onChange is called when the circuit opens or closes. */
  constructor(private readonly onChange: (isOpen: boolean) => void) {}

  get isOpen(): boolean {
    return this.periodEnd !== undefined;
  }

  /** Whether no request is let through now. */
  get refusesAll(): boolean {
    return this.periodEnd !== undefined && this.probesLeft === 0 && performance.now() < this.periodEnd;
  }

  /**
   * Whether a request may be sent. While the circuit is open a few may, each of a different caller, so that one whose
   * requests always fail does not keep it open for others.
   */
  admits(caller: string): boolean {
    if (this.periodEnd === undefined) return true;
    if (performance.now() >= this.periodEnd) {
      this.periodMs = Math.min(2 * this.periodMs, MAX_BREAK_MS);
      this.beginPeriod(PROBES);
    }
    if (this.probesLeft === 0 || this.probing.has(caller)) return false;
    this.probesLeft -= 1;
    this.probing.add(caller);
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

  /** @param voter whom the failure counts for; callers that cannot be told apart count as one. */
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
    // So that pods that failed together do not retry together.
    this.periodEnd = performance.now() + this.periodMs * (0.75 + 0.25 * Math.random());
    this.probesLeft = probes;
    this.probing.clear();
  }
}
