import { expect, it } from 'vitest';
import { shorten } from './shorten.ts';

function shortened(rule: { expr: string; for?: string }): object | undefined {
  return shorten([{ name: 'group', rules: [rule] }], 60)[0]?.rules[0];
}

it('divides ranges, offsets and how long a condition has to hold, and nothing else', () => {
  expect(
    shortened({
      expr: 'sum by (pod) (increase(a_total{pod=~"a-[a-z0-9]{5}"}[30m])) > 10 or a offset 15m > 30',
      for: '5m',
    }),
  ).toEqual({
    expr: 'sum by (pod) (increase(a_total{pod=~"a-[a-z0-9]{5}"}[30000ms])) > 10 or a offset 15000ms > 30',
    for: '5000ms',
  });
});

it('divides the seconds that make a count of a rate, and keeps the names of what is recorded', () => {
  expect(
    shortened({
      expr: 'slo:ratio1d{slo="a"} > 0.1 and slo:rate1h{slo="a"} * 3600 >= 10 and slo:rate6h{} * 21600 >= 10',
    }),
  ).toEqual({ expr: 'slo:ratio1d{slo="a"} > 0.1 and slo:rate1h{slo="a"} * 60 >= 10 and slo:rate6h{} * 360 >= 10' });
  expect(() => shortened({ expr: 'slo:rate1h{} * 60' })).toThrow('not the seconds of the rate');
});
