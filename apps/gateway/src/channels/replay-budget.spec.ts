import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ReplayBudget } from './replay-budget.js';

/** Which of these are fulfilled after all pending work is done. */
async function settled(...promises: Promise<void>[]): Promise<boolean[]> {
  const done = promises.map(() => false);
  promises.forEach((promise, index) => void promise.then(() => (done[index] = true)));
  await setImmediate();
  return done;
}

it('a connection may have four replays of the maximum size at once, and more as they are sent', async () => {
  const sut = new ReplayBudget(100);
  const asked = Array.from({ length: 6 }, () => sut.reserve());
  expect(await settled(...asked)).toEqual([true, true, true, true, false, false]);
  sut.release(99);
  expect(await settled(...asked)).toEqual([true, true, true, true, false, false]);
  sut.release(1);
  expect(await settled(...asked)).toEqual([true, true, true, true, true, false]);
});

it('a replay that is smaller than reserved makes room for others', async () => {
  const sut = new ReplayBudget(100);
  for (let n = 0; n < 30; n += 1) {
    await sut.reserve();
    sut.settle(10);
  }
  const asked = [sut.reserve(), sut.reserve()];
  expect(await settled(...asked)).toEqual([true, false]);
  sut.settle(0);
  expect(await settled(...asked)).toEqual([true, true]);
  sut.settle(0);
  expect(sut.isBusy).toBe(true);
  sut.release(300);
  expect(sut.isBusy).toBe(false);
});

it('a closed connection lets all waiting replays continue', async () => {
  const sut = new ReplayBudget(100);
  const asked = Array.from({ length: 6 }, () => sut.reserve());
  sut.end();
  expect(await settled(...asked)).toEqual(Array(6).fill(true));
  expect(await settled(sut.reserve())).toEqual([true]);
});
