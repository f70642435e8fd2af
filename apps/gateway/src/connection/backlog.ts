import type { Metrics } from '../metrics/metrics.js';

/** Connections with fewer bytes are not tracked. */
const WORTH_NOTING = 4_096;
/** The share of the limit that remains in use after the largest were closed, so that not every frame exceeds it again. */
const RELIEVED = 0.75;

/** A connection, as far as what waits for it is concerned. */
export interface Waiting {
  readonly user: string | undefined;
  readonly client: string;
  /** The memory that waits for this client to read on, or to send on, in bytes. */
  readonly waitingBytes: number;
  /** How much of it is counted here, in bytes. */
  noted: number;
  closeSlow(): void;
}

/**
 * What waits for all connections of a pod together: to be sent, replayed, or received completely. Each connection has
 * its own limit, but all of them at their limits would take many times the available memory. Only connections with
 * something waiting are tracked.
 */
export class Backlog<C extends Waiting = Waiting> {
  private readonly waiting = new Set<C>();
  private bytes = 0;

  constructor(
    private readonly max: number,
    private readonly metrics: Metrics,
  ) {}

  /** Counts what waits for a connection now. If it is too much in total, closes connections of the users with the most. */
  note(connection: C): void {
    this.update(connection);
    if (this.bytes > this.max) this.relieve();
  }

  forget(connection: C): void {
    this.bytes -= connection.noted;
    connection.noted = 0;
    this.waiting.delete(connection);
  }

  /** The connections with the most bytes waiting, the largest first. */
  largest(count: number): C[] {
    for (const connection of this.waiting) this.update(connection);
    return [...this.waiting].toSorted((one, other) => other.noted - one.noted).slice(0, count);
  }

  /** What waits in all, in bytes, as far as it was noted. */
  get total(): number {
    return this.bytes;
  }

  private update(connection: C): void {
    const now = connection.waitingBytes;
    if (now < WORTH_NOTING) {
      if (connection.noted > 0) this.forget(connection);
      return;
    }
    this.bytes += now - connection.noted;
    connection.noted = now;
    this.waiting.add(connection);
  }

  private relieve(): void {
    // Much of it may have been sent since it was noted.
    for (const connection of this.waiting) this.update(connection);
    if (this.bytes <= this.max) return;
    const users = Map.groupBy(this.waiting, ({ user, client }) => user ?? client);
    const bySize = [...users.values()]
      .map((connections) => ({ connections, sum: connections.reduce((sum, { noted }) => sum + noted, 0) }))
      .toSorted((one, other) => other.sum - one.sum);
    for (const { connections } of bySize) {
      for (const connection of connections.toSorted((one, other) => other.noted - one.noted)) {
        if (this.bytes <= this.max * RELIEVED) return;
        this.metrics.limited.inc({ limit: 'buffered' });
        this.forget(connection);
        connection.closeSlow();
      }
    }
  }
}
