import type { HistoryQuery, Position } from '../broker.js';

/** What is kept of a channel: the publications from `oldest` up to its position. */
export interface KeptHistory extends Position {
  /** The first offset that is kept; the next offset if none is. */
  readonly oldest: number;
}

/** Offsets that a query asks for, both included, of those that are kept. */
export interface QueriedRange {
  readonly first: number;
  readonly last: number;
  /** As {@link History.complete}. */
  readonly complete: boolean;
}

/** Whether a position belongs to the stream: same epoch, and not from the future. */
export function isInStream(since: Position, { epoch, offset }: Position): boolean {
  return since.epoch === epoch && since.offset <= offset;
}

/** Which of the kept publications answer a query, and whether any are missing before them. */
export function queriedRange(
  { since, reverse = false }: Pick<HistoryQuery, 'since' | 'reverse'>,
  kept: KeptHistory,
): QueriedRange {
  const { oldest, offset } = kept;
  if (since === undefined || !isInStream(since, kept)) {
    return { first: oldest, last: offset, complete: since === undefined };
  }
  if (reverse) {
    const last = since.offset - 1;
    return { first: oldest, last, complete: last < 1 || last >= oldest };
  }
  const next = since.offset + 1;
  return { first: Math.max(next, oldest), last: offset, complete: next >= oldest };
}
