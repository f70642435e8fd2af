import { expect, it } from 'vitest';
import { pace } from './pace.ts';

it.each([50, 1_000, 20_000])('sends exactly %i per second', async (perSecond) => {
  let sent = 0;
  const begin = performance.now();
  expect(await pace(perSecond, 0.1, (count) => (sent += count))).toBe(perSecond * 0.1);
  expect(sent).toBe(perSecond * 0.1);
  // Not all at once: the last ones are due at the end.
  expect(performance.now() - begin).toBeGreaterThan(0.7 * 100);
});
