import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedQueues } from './keyed-queues.js';
import { Request } from './request.js';

/** Work that ends when the test says so. */
class Workshop {
  readonly begun: unknown[] = [];
  private readonly ends = new Map<unknown, () => void>();

  readonly run = ({ frame: { id } }: Request): Promise<void> => {
    this.begun.push(id);
    return new Promise((resolve) => this.ends.set(id, resolve));
  };

  get running(): unknown[] {
    return [...this.ends.keys()];
  }

  async end(id: unknown): Promise<void> {
    this.ends.get(id)?.();
    this.ends.delete(id);
    // Settled promises continue in microtasks.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function request(id: number): Request {
  return new Request({ event: 'work', id });
}

describe('keyed queues', () => {
  it('start work immediately, or when the previous work of the same key has ended', async () => {
    const sut = new KeyedQueues();
    const shop = new Workshop();
    for (const id of [1, 2]) sut.add('a', request(id), 16, shop);
    sut.add('b', request(3), 16, shop);
    expect(shop.begun).toEqual([1, 3]);
    await shop.end(3);
    expect(shop.begun).toEqual([1, 3]);
    await shop.end(1);
    expect(shop.begun).toEqual([1, 3, 2]);
  });

  it('know the ids and the number of unanswered requests', async () => {
    const sut = new KeyedQueues();
    const shop = new Workshop();
    expect(sut.has(1)).toBe(false);
    for (const id of [1, 2]) sut.add('a', request(id), 16, shop);
    expect([sut.has(1), sut.has(2), sut.has(3), sut.size]).toEqual([true, true, false, 2]);
    await shop.end(1);
    expect([sut.has(1), sut.has(2), sut.size]).toEqual([false, true, 1]);
    await shop.end(2);
    expect([sut.has(2), sut.size]).toEqual([false, 0]);
  });

  it('report each answer when it is not counted any more, also if all come at the same moment', async () => {
    const sut = new KeyedQueues();
    const answer = Promise.withResolvers<void>();
    const sizes: number[] = [];
    const work = { run: () => answer.promise, onAnswered: () => void sizes.push(sut.size) };
    for (const id of [1, 2, 3]) sut.add(`${id}`, request(id), 16, work);
    answer.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(sizes).toEqual([2, 1, 0]);
  });

  it('keep the order of each key, use all slots, and complete everything, in any sequence of requests and completions', async () => {
    const step = fc.oneof(
      fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ endOf: fc.nat({ max: 10 }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 40 }),
        async (concurrency, steps) => {
          const sut = new KeyedQueues();
          const shop = new Workshop();
          const lanes = new Map<string, number[]>();
          let id = 0;
          let ended = 0;
          const check = (): void => {
            expect(shop.running.length).toBeLessThanOrEqual(concurrency);
            // All work that can start has started: no slot is free while a key waits.
            const withWork = [...lanes.values()].filter((ids) => ids.some((one) => sut.has(one))).length;
            expect(shop.running.length).toBe(Math.min(concurrency, withWork));
            expect(sut.size).toBe(id - ended);
          };
          const end = async (which: number): Promise<void> => {
            const one = shop.running[which % Math.max(1, shop.running.length)];
            if (one === undefined) return;
            ended += 1;
            await shop.end(one);
          };
          for (const one of steps) {
            if ('endOf' in one) {
              await end(one.endOf);
            } else {
              id += 1;
              lanes.set(one.key, [...(lanes.get(one.key) ?? []), id]);
              sut.add(one.key, request(id), concurrency, shop);
            }
            check();
          }
          while (shop.running.length > 0) await end(0);
          expect(sut.size).toBe(0);
          expect(shop.begun).toHaveLength(id);
          for (const ids of lanes.values()) expect(shop.begun.filter((one) => ids.includes(Number(one)))).toEqual(ids);
        },
      ),
      { numRuns: 200 },
    );
  });
});
