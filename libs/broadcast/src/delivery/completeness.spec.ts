import { describe, expect, it } from 'vitest';
import { queriedRange } from './completeness.js';

const KEPT = { epoch: 'e', offset: 9, oldest: 5 };

describe('the range that a query asks for', () => {
  it.each([
    ['everything without a position', undefined, false, [5, 9, true]],
    ['what follows the position', 6, false, [7, 9, true]],
    ['nothing after the last one', 9, false, [10, 9, true]],
    ['everything right before the oldest', 4, false, [5, 9, true]],
    ['everything, incomplete, if some are no longer stored', 3, false, [5, 9, false]],
    ['everything, incomplete, for a position from the future', 10, false, [5, 9, false]],
    ['what precedes the position, in reverse', 8, true, [5, 7, true]],
    ['nothing before the oldest, incomplete, in reverse', 5, true, [5, 4, false]],
    ['nothing before the first one, in reverse', 1, true, [5, 0, true]],
    ['everything, incomplete, for a position from the future in reverse', 10, true, [5, 9, false]],
  ])('is %s', (_, offset, reverse, [first, last, complete]) => {
    const since = offset === undefined ? undefined : { epoch: 'e', offset };
    expect(queriedRange({ since, reverse }, KEPT)).toEqual({ first, last, complete });
  });

  it('is everything, incomplete, for a position of another epoch', () => {
    const range = queriedRange({ since: { epoch: 'other', offset: 6 } }, KEPT);
    expect(range).toEqual({ first: 5, last: 9, complete: false });
  });
});
