import type { QueuedEvent } from './event-queue.js';

/** A part of a refused request. */
export type Piece = readonly QueuedEvent[];

/** Splits events into at most `count` pieces, so that events of different owners are apart. */
export function piecesOf(events: Piece, count: number): Piece[] {
  const byOwner = Map.groupBy(events, ({ owner }) => owner);
  const pieces: QueuedEvent[][] = [];
  // If there are more owners than pieces, some share one.
  for (const own of byOwner.values()) {
    if (pieces.length < count) pieces.push([...own]);
    else smallest(pieces)?.push(...own);
  }
  while (pieces.length < count) {
    const largest = pieces.reduce((a, b) => (b.length > a.length ? b : a), []);
    if (largest.length < 2) break;
    pieces.push(largest.splice(Math.ceil(largest.length / 2)));
  }
  return pieces;
}

function smallest(pieces: readonly QueuedEvent[][]): QueuedEvent[] | undefined {
  return pieces.reduce<QueuedEvent[] | undefined>(
    (a, b) => (a === undefined || b.length < a.length ? b : a),
    undefined,
  );
}
