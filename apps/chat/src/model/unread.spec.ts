import { describe, expect, it } from 'vitest';
import { Unread } from './unread.js';

describe('Unread', () => {
  it('does not count the history of a newly joined room', () => {
    const sut = new Unread();
    sut.begin({ epoch: 'e', offset: 2 });
    sut.arrive(1, false);
    sut.arrive(2, false);
    expect(sut.count).toBe(0);
    sut.arrive(3, false);
    expect(sut.count).toBe(1);
  });

  it('counts messages since the room was last read, after a reload', () => {
    const sut = new Unread({ epoch: 'e', offset: 1 });
    sut.begin({ epoch: 'e', offset: 3 });
    for (const offset of [1, 2, 3]) sut.arrive(offset, false);
    expect(sut.count).toBe(2);
  });

  it("does not count the person's own messages", () => {
    const sut = new Unread({ epoch: 'e', offset: 0 });
    sut.begin({ epoch: 'e', offset: 0 });
    expect(sut.arrive(1, true)).toBe(false);
    expect(sut.count).toBe(0);
  });

  it('is zero once the room was read, which is stored for the next load', () => {
    const sut = new Unread();
    sut.begin({ epoch: 'e', offset: 4 });
    sut.arrive(5, false);
    sut.arrive(6, true);
    expect(sut.read()).toEqual({ epoch: 'e', offset: 6 });
    expect(sut.count).toBe(0);
  });

  it('does not compare offsets of different epochs', () => {
    const sut = new Unread({ epoch: 'old', offset: 900 });
    sut.begin({ epoch: 'new', offset: 0 });
    sut.arrive(1, false);
    expect(sut.count).toBe(1);
    expect(sut.read()).toEqual({ epoch: 'new', offset: 1 });
  });

  it('has no position before the first reply of the gateway', () => {
    expect(new Unread().read()).toBeUndefined();
  });
});
