import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import type { Manifests } from './helm.ts';

const run = promisify(execFile);

/** The shape of the name of a Deployment's pod. */
export const POD = 'test-holdfast-6d8f5db9c-x2x4z';

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<'summary' | 'description' | 'runbook_url', string>>;
}

export interface Alert extends Rule {
  readonly alert: string;
  readonly annotations: Readonly<Record<'summary' | 'description' | 'runbook_url', string>>;
}

export interface Group {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** A metric of a pod and its values, in promtool's notation: `0+0x60` are 61 times 0. */
export type Series = Readonly<Record<string, string>>;

/** An expression, a time such as `5m`, and the labels and the value of each result. */
export interface Expectation {
  readonly expr: string;
  readonly at: string;
  readonly results: readonly (readonly [labels: string, value: number])[];
}

export interface RuleTest {
  readonly name: string;
  readonly series: readonly object[];
  readonly expect: readonly Expectation[];
}

export function groupsOf(manifests: Manifests): Group[] {
  return manifests.get('PrometheusRule').spec.groups as Group[];
}

export function alertsOf(groups: readonly Group[]): Alert[] {
  return groups.flatMap(({ rules }) => rules.filter((rule): rule is Alert => rule.alert !== undefined));
}

/** The series of a pod, as input of promtool. */
export function seriesOf(all: Series, namespace = 'test-ns', pod = POD): object[] {
  return Object.entries(all).map(([metric, values]) => {
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(metric) ?? [];
    const identity = `namespace="${namespace}", pod="${pod}", instance="10.0.0.1:8001"`;
    return { series: `${name}{${identity}${labels && `, ${labels}`}}`, values };
  });
}

/**
 * Expects that these alerts fire at this time and no others, each as its name or, if it has two paces, as `Name fast` and `Name slow`. All have
 * the namespace of the release: Alertmanager routes by it.
 */
export function firing(at: string, alerts: readonly string[]): Expectation {
  return {
    expr: 'sum by (alertname, burn, namespace) (ALERTS{alertstate="firing"})',
    at,
    results: alerts.map((alert) => [labelsOf(alert), 1]),
  };
}

function labelsOf(alert: string): string {
  const [name, burn] = alert.split(' ');
  const labels = `alertname="${name}", namespace="test-ns"`;
  return burn === undefined ? `{${labels}}` : `{${labels}, burn="${burn}"}`;
}

/**
 * Checks the rules, and what they result in, with promtool.
 *
 * @param interval between two samples of a series.
 * @param evaluation the time between two evaluations: they take most of the time.
 * @returns its output: it contains `FAILED` or an error if something is wrong.
 */
export async function testRules(
  promtool: string,
  groups: readonly Group[],
  tests: readonly RuleTest[],
  interval = '30s',
  evaluation = interval,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rules-'));
  try {
    await writeFile(join(folder, 'rules.yaml'), stringify({ groups }));
    const file = {
      rule_files: ['rules.yaml'],
      evaluation_interval: evaluation,
      tests: tests.map(({ name, series, expect }) => ({
        name,
        interval,
        input_series: series,
        promql_expr_test: expect.map(({ expr, at, results }) => ({
          expr,
          eval_time: at,
          exp_samples: results.map(([labels, value]) => ({ labels, value })),
        })),
      })),
    };
    await writeFile(join(folder, 'tests.yaml'), stringify(file));
    const outputs: string[] = [];
    for (const [command, path] of [
      ['check', 'rules.yaml'],
      ['test', 'tests.yaml'],
    ] as const) {
      const output = await run(promtool, [command, 'rules', path], { cwd: folder }).catch(
        (error: { stdout: string; stderr: string }) => ({ stdout: error.stdout, stderr: `FAILED\n${error.stderr}` }),
      );
      outputs.push(output.stdout, output.stderr);
    }
    return outputs.join('');
  } finally {
    await rm(folder, { recursive: true });
  }
}
