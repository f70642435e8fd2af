import type { Metrics } from '../metrics/metrics.js';

/** Below this many bytes a connection is not looked at. */
const WORTH_NOTING = 4_096;
/** How much of the limit is left after the largest were closed: so that not every frame finds it full again. */
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
 * What waits for all connections of a pod together: to be sent, replayed, or received to its end. Each of them has its own
 * bound, but all of them at their bounds would take many times the memory that there is. Only connections that keep
 * something waiting are known here.
 */
export class Backlog {
  private readonly waiting = new Set<Waiting>();
  private bytes = 0;

  constructor(
    private readonly max: number,
    private readonly metrics: Metrics,
  ) {}

  /** Takes what waits for a connection now, and closes those for whose users most waits if it is too much in all. */
  note(connection: Waiting): void {
    this.update(connection);
    if (this.bytes > this.max) this.relieve();
  }

  forget(connection: Waiting): void {
    this.bytes -= connection.noted;
    connection.noted = 0;
    this.waiting.delete(connection);
  }

  private update(connection: Waiting): void {
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
