import type { EventType } from '../config/index.js';
import { CountIndex } from '../outbound/count-index.js';

/** The limit of all waiting events, in bytes of JSON. */
const MAX_BYTES = 16_777_216;

export interface WebhookEvent {
  readonly id: string;
  readonly type: EventType;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly data: object;
}

/** An event and who caused it: a user, or everybody whose identity is unknown. */
export interface QueuedEvent {
  readonly event: WebhookEvent;
  readonly owner: string;
}

interface Share {
  /** The oldest first. */
  readonly events: Set<QueuedEvent>;
}

/**
 * Waiting events, the oldest first. If there are too many, the oldest event of the owner with the most events is
 * dropped, so that nobody loses events because somebody else causes many.
 */
export class EventQueue {
  private readonly events = new Map<QueuedEvent, number>();
  private readonly shares = new Map<string, Share>();
  private readonly index = new CountIndex<Share>();
  private bytes = 0;

  constructor(
    private readonly max: number,
    private readonly maxBytes = MAX_BYTES,
  ) {}

  get size(): number {
    return this.events.size;
  }

  /** @returns how many events were dropped. */
  add(queued: QueuedEvent): number {
    const { owner, event } = queued;
    let share = this.shares.get(owner);
    if (share === undefined) {
      share = { events: new Set() };
      this.shares.set(owner, share);
    }
    const size = JSON.stringify(event).length;
    this.events.set(queued, size);
    this.bytes += size;
    share.events.add(queued);
    this.index.move(share, share.events.size - 1, share.events.size);
    let dropped = 0;
    while (this.events.size > this.max || this.bytes > this.maxBytes) {
      const [oldest] = this.index.top?.events ?? [];
      if (oldest === undefined) break;
      this.remove(oldest);
      dropped += 1;
    }
    return dropped;
  }

  /** Removes and returns the oldest. */
  take(count: number): QueuedEvent[] {
    const taken: QueuedEvent[] = [];
    for (const queued of this.events.keys()) {
      if (taken.length === count) break;
      taken.push(queued);
    }
    for (const queued of taken) this.remove(queued);
    return taken;
  }

  /** The oldest event of some randomly chosen owners that are not among these. The events stay in the queue. */
  ofOthers(owners: ReadonlySet<string>, count: number): QueuedEvent[] {
    const found: QueuedEvent[] = [];
    let skipped = Math.floor(Math.random() * Math.max(1, this.shares.size - owners.size - count));
    for (const [owner, { events }] of this.shares) {
      if (found.length === count) break;
      if (skipped > 0) {
        skipped -= 1;
        continue;
      }
      const [oldest] = owners.has(owner) ? [] : events;
      if (oldest !== undefined) found.push(oldest);
    }
    return found;
  }

  remove(queued: QueuedEvent): void {
    const size = this.events.get(queued);
    const share = this.shares.get(queued.owner);
    if (size === undefined || share === undefined) return;
    this.events.delete(queued);
    this.bytes -= size;
    share.events.delete(queued);
    this.index.move(share, share.events.size + 1, share.events.size);
    if (share.events.size === 0) this.shares.delete(queued.owner);
  }
}
