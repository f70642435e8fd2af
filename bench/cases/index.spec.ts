import { describe, expect, it } from 'vitest';
import { SERVERS } from '../servers/index.ts';
import { CASES } from './index.ts';

it('has a name for each case', () => {
  const names = CASES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

describe.each(CASES.map((measured) => [measured.name, measured] as const))(
  '%s',
  (_, { metrics, targets, servers, quick }) => {
    it('is about servers that there are', () => {
      const names = SERVERS.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining([...servers]));
      expect(servers).toEqual(expect.arrayContaining([...quick]));
      expect(servers).toContain('holdfast');
    });

    it('promises only what it measures, of servers that it compares', () => {
      const keys = metrics.map(({ key }) => key);
      for (const { metric, ofMetric = metric, of = 'holdfast' } of targets) {
        expect(keys).toEqual(expect.arrayContaining([metric, ofMetric]));
        expect(servers).toContain(of);
      }
    });
  },
);
