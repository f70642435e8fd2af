import { beforeEach, describe, expect, it } from 'vitest';
import { Tally } from './tally.ts';

describe('Tally', () => {
  let sut: Tally;
  beforeEach(() => {
    const channels = [['a'], ['a', 'b'], []];
    sut = new Tally(3, (client) => channels[client] ?? []);
    sut.published('a');
    sut.published('b');
    sut.published('a');
    sut.published('nobody');
  });

  it('expects each message at every subscriber', () => {
    expect(sut.expected).toBe(5);
    expect(sut.fanOut('a')).toBe(2);
    expect(sut.wrong([2, 3, 0])).toBeUndefined();
  });

  it("finds a client that received too few, too many, or another client's messages", () => {
    expect(sut.wrong([1, 3, 0])).toEqual({ client: 0, got: 1, expected: 2 });
    expect(sut.wrong([2, 4, 0])).toEqual({ client: 1, got: 4, expected: 3 });
    expect(sut.wrong([2, 2, 1])).toEqual({ client: 1, got: 2, expected: 3 });
  });
});
