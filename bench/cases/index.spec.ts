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
    it('names existing servers', () => {
      const names = SERVERS.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining([...servers]));
      expect(servers).toEqual(expect.arrayContaining([...quick]));
      expect(servers).toContain('holdfast');
    });

    it('has targets only for its own metrics and servers', () => {
      const keys = metrics.map(({ key }) => key);
      for (const { metric, ofMetric = metric, of = 'holdfast' } of targets) {
        expect(keys).toEqual(expect.arrayContaining([metric, ofMetric]));
        expect(servers).toContain(of);
      }
    });
  },
);
