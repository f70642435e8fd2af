import { expect, it } from 'vitest';
import { limitsSchema } from '../../../apps/gateway/src/config/limits.js';
import { CONFIG } from './server.ts';

/** The paths of all rates in the configuration. */
function ratesIn(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('burst' in value) return [path.join('.')];
  return Object.entries(value).flatMap(([key, member]) => ratesIn(member, [...path, key]));
}

it('the benchmark, whose clients have one address and whose publisher is one user, exceeds no rate of the gateway', () => {
  const rates = ratesIn(limitsSchema().parse({})).filter((path) => path !== 'connectionRate.perAddress');
  expect(ratesIn(CONFIG.limits).toSorted()).toEqual(rates.toSorted());
});
