import { describe, expect, it } from 'vitest';
import { EventQueue, type QueuedEvent } from './event-queue.js';
import { splitBatch } from './split-batch.js';

function eventOf(owner: string, n: number, data: object = {}): QueuedEvent {
  return { owner, event: { id: `${owner}-${n}`, type: 'client.connected', timestamp: '', data } };
}

function idsOf(events: readonly QueuedEvent[]): string[] {
  return events.map(({ event }) => event.id);
}

describe('queued events', () => {
  it('are taken in the order in which they were added, whoever caused them', () => {
    const sut = new EventQueue(10);
    for (const owner of ['a', 'b', 'a', 'c']) sut.add(eventOf(owner, sut.size));
    expect(idsOf(sut.take(3))).toEqual(['a-0', 'b-1', 'a-2']);
    expect(idsOf(sut.take(3))).toEqual(['c-3']);
    expect(sut.size).toBe(0);
  });

  it('are dropped if there are too many: the oldest of the owner with the most', () => {
    const sut = new EventQueue(6);
    let dropped = 0;
    for (const [owner, count] of [
      ['a', 2],
      ['evil', 50],
      ['b', 2],
    ] as const) {
      for (let n = 0; n < count; n += 1) dropped += sut.add(eventOf(owner, n));
    }
    expect(dropped).toBe(48);
    expect(idsOf(sut.take(10))).toEqual(['a-0', 'a-1', 'evil-48', 'evil-49', 'b-0', 'b-1']);
  });

  it('are also limited in bytes', () => {
    const sut = new EventQueue(1_000, 10_000);
    sut.add(eventOf('a', 0));
    for (let n = 0; n < 100; n += 1) sut.add(eventOf('evil', n, { text: 'x'.repeat(1_000) }));
    expect(sut.size).toBeLessThan(11);
    const ids = idsOf(sut.take(100));
    expect(ids[0]).toBe('a-0');
    expect(ids.at(-1)).toBe('evil-99');
  });

  it('of other owners can be inspected and removed', () => {
    const sut = new EventQueue(10);
    for (const owner of ['a', 'b', 'b', 'c']) sut.add(eventOf(owner, sut.size));
    const others = sut.ofOthers(new Set(['a']), 2);
    expect(idsOf(others)).toEqual(['b-1', 'c-3']);
    for (const other of others) sut.remove(other);
    for (const other of others) sut.remove(other);
    expect(idsOf(sut.take(10))).toEqual(['a-0', 'b-2']);
  });
});

describe('the parts of a batch', () => {
  it.each([
    [['a', 'a', 'b'], 8, ['a-0', 'b-2', 'a-1']],
    [['a', 'b', 'a', 'c'], 3, ['a-0 a-2', 'b-1', 'c-3']],
    [['a', 'a', 'a', 'a'], 2, ['a-0 a-1', 'a-2 a-3']],
    [['a', 'b', 'c', 'd', 'e'], 2, ['a-0 c-2 e-4', 'b-1 d-3']],
    [['a'], 4, ['a-0']],
    [[], 4, []],
  ])('of %j, at most %d, are %j', (owners, count, expected) => {
    const events = owners.map((owner, n) => eventOf(owner, n));
    expect(splitBatch(events, count).map((part) => idsOf(part).join(' '))).toEqual(expected);
  });
});
