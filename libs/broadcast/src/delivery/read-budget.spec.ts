import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BrokerUnavailableError } from '../errors.js';
import { ReadBudget } from './read-budget.js';

describe('the budget of reads', () => {
  let sut: ReadBudget;
  let running: number;
  let most: number;
  let order: number[];

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    sut = new ReadBudget(100);
    [running, most, order] = [0, 0, []];
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  async function read(bytes: number, duration: number, id = 0): Promise<void> {
    return sut.run(bytes, performance.now() + 1_000, async () => {
      running += bytes;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, duration));
      running -= bytes;
      order.push(id);
    });
  }

  it('is never exceeded, and reads wait for their turn', async () => {
    const reads = Array.from({ length: 12 }, async (_, id) => read(30, 10, id));
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all(reads);
    expect(most).toBe(90);
    expect(order).toEqual(Array.from({ length: 12 }, (_, id) => id));
  });

  it('lets a read that is larger than the budget run alone', async () => {
    const reads = [read(10, 10), read(1_000, 10), read(10, 10)];
    await vi.advanceTimersByTimeAsync(100);
    await Promise.all(reads);
    expect(most).toBe(1_000);
  });

  it('refuses in time a read that would have to wait for too long, and continues', async () => {
    const long = read(100, 5_000);
    const [late] = await Promise.all([Promise.allSettled([read(10, 10)]), vi.advanceTimersByTimeAsync(1_000)]);
    expect(late[0]).toMatchObject({ status: 'rejected', reason: expect.any(BrokerUnavailableError) });
    await vi.advanceTimersByTimeAsync(4_000);
    await long;
    const next = read(100, 10);
    await vi.advanceTimersByTimeAsync(10);
    await next;
  });

  it('is released by a read that fails', async () => {
    for (let reads = 0; reads < 2; reads += 1) {
      const failed = sut.run(100, Infinity, async () => Promise.reject(new Error('gone')));
      await expect(failed).rejects.toThrow('gone');
    }
  });
});
