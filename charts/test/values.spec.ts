import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, describe, it } from 'vitest';
import { readChartValues, type ChartValue } from '../generate/chart-values.ts';
import { isOpen } from '../generate/values-schema.ts';
import { CHART, refusal, render } from './support/helm.ts';
import type { ValueCase } from './values/case.ts';
import { cases as core } from './values/core.ts';
import { cases as traffic } from './values/traffic.ts';

const CASES: Readonly<Record<string, ValueCase>> = { ...core, ...traffic };

describe('each value', async () => {
  const chartValues = readChartValues(await readFile(join(CHART, 'values.yaml'), 'utf8'));

  it('has a test case', () => {
    expect(Object.keys(CASES).toSorted()).toEqual(pathsOf(chartValues).toSorted());
  });

  it.concurrent.each(Object.entries(CASES))('%s has its effect', async (path, example) => {
    const { value, with: others = {} } = example;
    const values = set(others, path.split('.'), value);
    if ('refused' in example) {
      expect(await refusal(values)).toContain(example.refused);
      await render(others);
    } else {
      expect(example.look(await render(values))).toEqual(example.expect);
      expect(example.look(await render(others))).not.toEqual(example.expect);
    }
  });
});

function pathsOf(values: readonly ChartValue[], parent = ''): string[] {
  return values.flatMap((value) =>
    isOpen(value) ? [`${parent}${value.name}`] : pathsOf(value.members, `${parent}${value.name}.`),
  );
}

/** `values` with `value` at `path`. */
function set(values: object, [name, ...rest]: readonly string[], value: unknown): object {
  if (name === undefined) throw new RangeError('no path');
  const before = (values as Record<string, unknown>)[name];
  return { ...values, [name]: rest.length === 0 ? value : set(before ?? {}, rest, value) };
}
