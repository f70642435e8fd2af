import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { FairSlots, NotRunError, type Caller } from './fair-slots.js';

const LONG_MS = 1_000_000;
const user = (key: string): Caller => ({ key, isProven: true });
const unproven = (key: string): Caller => ({ key, isProven: false });

/** Tasks that end when the test says so. */
class Work {
  readonly started: string[] = [];
  readonly refused: string[] = [];
  private readonly ends: (() => void)[] = [];

  constructor(private readonly slots: FairSlots) {}

  add(caller: Caller, times = 1, within = LONG_MS): void {
    for (let time = 0; time < times; time += 1) {
      const task = (): Promise<void> => {
        this.started.push(caller.key);
        return new Promise((resolve) => this.ends.push(resolve));
      };
      void this.slots.run(caller, within, task).catch((error: unknown) => {
        if (!(error instanceof NotRunError)) throw error;
        this.refused.push(caller.key);
      });
    }
  }

  async end(times: number): Promise<void> {
    for (let ended = 0; ended < times; ended += 1) {
      this.ends.shift()?.();
      await setImmediate();
    }
  }

  get underWay(): number {
    return this.ends.length;
  }
}

function count(list: readonly string[], key: string): number {
  return list.filter((entry) => entry === key).length;
}

describe('shared slots', () => {
  it('are all available to several callers, and a quarter of them to one caller', async () => {
    const work = new Work(new FairSlots(8, 100));
    work.add(user('ann'), 10);
    expect(work.underWay).toBe(2);
    for (const name of ['bob', 'cid', 'dan', 'eve']) work.add(user(name), 10);
    expect(work.underWay).toBe(8);
    await work.end(50);
    for (const name of ['ann', 'bob', 'cid', 'dan', 'eve']) expect(count(work.started, name)).toBe(10);
  });

  it('are assigned in turns, however much one caller asks for', async () => {
    const work = new Work(new FairSlots(2, 100));
    work.add(user('ann'), 50);
    work.add(user('bob'), 3);
    work.add(user('cid'), 3);
    await work.end(8);
    expect(count(work.started, 'bob')).toBe(3);
    expect(count(work.started, 'cid')).toBe(3);
  });

  it('have a queue for every caller: if it is full, the latest task of the caller with the most is refused', async () => {
    const work = new Work(new FairSlots(2, 10));
    work.add(user('ann'), 30);
    await setImmediate();
    expect(work.refused).toHaveLength(18);
    for (const name of ['bob', 'cid', 'dan']) work.add(user(name), 2);
    await setImmediate();
    expect(count(work.refused, 'ann')).toBe(24);
    expect(work.refused).toHaveLength(24);
    await work.end(12);
    for (const name of ['bob', 'cid', 'dan']) expect(count(work.started, name)).toBe(2);
  });

  it('refuse the next task if no caller has more tasks in the queue than its own', async () => {
    const work = new Work(new FairSlots(2, 4));
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) work.add(user(name));
    await setImmediate();
    expect(work.refused).toEqual(['g']);
  });

  it('are partly reserved, like the queue, for authenticated callers, however many others there are', async () => {
    const work = new Work(new FairSlots(8, 16));
    for (let n = 0; n < 100; n += 1) work.add(unproven(`unproven-${n}`));
    expect(work.underWay).toBe(6);
    for (const name of ['ann', 'bob', 'cid']) work.add(user(name), 2);
    await setImmediate();
    expect(work.underWay).toBe(8);
    expect(work.refused.every((key) => key.startsWith('unproven'))).toBe(true);
    await work.end(8);
    for (const name of ['ann', 'bob', 'cid']) expect(count(work.started, name)).toBe(2);
  });

  it('are not given to a task that has waited too long', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const work = new Work(new FairSlots(1, 10));
    work.add(user('ann'));
    work.add(user('ann'), 1, 100);
    work.add(user('bob'), 1, 100);
    work.add(user('cid'), 1, 300);
    vi.advanceTimersByTime(200);
    await work.end(1);
    expect(work.refused).toEqual(['ann', 'bob']);
    expect(work.started).toEqual(['ann', 'cid']);
  });

  it('are free again after a failed task, and nothing is kept of finished callers', async () => {
    const slots = new FairSlots(1, 1);
    const failing = slots.run(user('ann'), LONG_MS, () => Promise.reject(new Error('it failed')));
    const next = slots.run(user('bob'), LONG_MS, () => Promise.resolve('done'));
    await expect(failing).rejects.toThrow('it failed');
    await expect(next).resolves.toBe('done');
    expect(Reflect.get(slots, 'accounts')).toHaveProperty('size', 0);
  });
});
