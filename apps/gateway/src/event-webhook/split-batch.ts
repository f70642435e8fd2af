import type { QueuedEvent } from './event-queue.js';

/** Events that are sent in one request. */
export type Batch = readonly QueuedEvent[];

/** Splits a batch into at most `count` smaller ones, which keep events of different owners apart. */
export function splitBatch(events: Batch, count: number): Batch[] {
  const byOwner = Map.groupBy(events, ({ owner }) => owner);
  const parts: QueuedEvent[][] = [];
  // If there are more owners than parts, some share one.
  for (const own of byOwner.values()) {
    if (parts.length < count) parts.push([...own]);
    else smallest(parts)?.push(...own);
  }
  while (parts.length < count) {
    const largest = parts.reduce((a, b) => (b.length > a.length ? b : a), []);
    if (largest.length < 2) break;
    parts.push(largest.splice(Math.ceil(largest.length / 2)));
  }
  return parts;
}

function smallest(parts: readonly QueuedEvent[][]): QueuedEvent[] | undefined {
  return parts.reduce<QueuedEvent[] | undefined>((a, b) => (a === undefined || b.length < a.length ? b : a), undefined);
}
