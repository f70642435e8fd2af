import { describe, expect, it } from 'vitest';
import { ExpiryQueue, type Expiring } from './expiry-queue.js';

class Item implements Expiring {
  slice = Infinity;
  constructor(readonly name: string) {}
}

const START = 1_700_000_000_000;

function queueOf(...times: number[]): ExpiryQueue<Item> {
  const queue = new ExpiryQueue<Item>(START);
  for (const time of times) queue.schedule(new Item(`${time}`), START + time);
  return queue;
}

function sweep(queue: ExpiryQueue<Item>, time: number, limit = Infinity): string[] {
  const visited: string[] = [];
  queue.sweep(START + time, limit, ({ name }) => visited.push(name));
  return visited;
}

describe('ExpiryQueue', () => {
  it('visits what is due, within a second of its time, once', () => {
    const sut = queueOf(5_500, 400, 600_000);
    expect(sweep(sut, 399)).toEqual([]);
    expect(sweep(sut, 1_400)).toEqual(['400']);
    expect(sweep(sut, 5_499)).toEqual([]);
    expect(sweep(sut, 6_500)).toEqual(['5500']);
    expect(sweep(sut, 601_000)).toEqual(['600000']);
    expect(sweep(sut, 1e9)).toEqual([]);
  });

  it('continues where its limit stopped it', () => {
    const sut = queueOf(...Array.from({ length: 10 }, (_, index) => index));
    expect(sweep(sut, 5_000, 4)).toEqual(['0', '1', '2', '3']);
    expect(sweep(sut, 5_000, 4)).toEqual(['4', '5', '6', '7']);
    expect(sweep(sut, 5_000, 4)).toEqual(['8', '9']);
  });

  it('catches up after a long pause in a limited number of steps', () => {
    const sut = queueOf(0, 3_600_000);
    expect(sweep(sut, 1e12, 10)).toEqual(['0']);
    expect(sweep(sut, 1e12, 10)).toEqual([]);
    expect(sweep(sut, 1e12, 3_600)).toEqual(['3600000']);
  });

  it('moves an item to an earlier visit, but not to a later one', () => {
    const sut = queueOf();
    const item = new Item('item');
    sut.schedule(item, START + 60_000);
    sut.schedule(item, START + 5_000);
    sut.schedule(item, START + 90_000);
    expect(sweep(sut, 6_000)).toEqual(['item']);
    expect(sweep(sut, 1e6)).toEqual([]);
    sut.schedule(item, START + 2e6);
    expect(sweep(sut, 3e6)).toEqual(['item']);
  });

  it('visits an overdue item soon', () => {
    const sut = queueOf();
    sweep(sut, 60_000);
    sut.schedule(new Item('late'), START);
    expect(sweep(sut, 61_000)).toEqual(['late']);
  });

  it('lets a visit schedule again', () => {
    const sut = queueOf(0);
    const times: number[] = [];
    for (let time = 0; time <= 10_000; time += 1_000) {
      sut.sweep(START + time, 100, (item) => {
        times.push(time);
        sut.schedule(item, START + time + 3_000);
      });
    }
    expect(times).toEqual([1_000, 5_000, 9_000]);
  });

  it('never visits an item without an end', () => {
    const sut = queueOf(Infinity);
    expect(sweep(sut, 1e15)).toEqual([]);
  });
});
