import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { slug } from 'github-slugger';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { KEDA } from './support/everything.ts';
import { render } from './support/helm.ts';

const run = promisify(execFile);

interface Rule {
  readonly alert: string;
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

/** The alerts, and the query by which KEDA scales. */
async function rendered(): Promise<{ rules: Rule[]; connections: string }> {
  const manifests = await render({ ...KEDA, metrics: { prometheusRule: { enabled: true } } });
  return {
    rules: manifests.get('PrometheusRule').spec.groups[0].rules as Rule[],
    connections: manifests.get('ScaledObject').spec.triggers[0].metadata.query as string,
  };
}

/** A metric of the first pod, with values each 30 s, in promtool's notation: `0+0x60` are 61 times 0. */
type Series = Readonly<Record<string, string>>;

/** Half an hour in which nothing happens, on a pod with two partitions. */
const QUIET: Series = {
  holdfast_connections: '5+0x60',
  holdfast_gaps_total: '0+0x60',
  holdfast_broker_up: '1+0x60',
  holdfast_broker_window_seconds: '900+0x60',
  holdfast_broker_history_bytes: '1000+0x60',
  holdfast_broker_history_limit_bytes: '10000+0x60',
  holdfast_broker_reconnects_total: '0+0x60',
  'holdfast_broker_lag_seconds{partition="0"}': '1 5 2 4 1x56',
  'holdfast_broker_lag_seconds{partition="1"}': '1+0x60',
  'holdfast_broker_snapshot_age_seconds{partition="0"}': '0+7x60',
  'holdfast_broker_snapshot_age_seconds{partition="1"}': '0+0x60',
  'holdfast_broker_log_losses_total{cause="truncated"}': '0+0x60',
  'holdfast_broker_log_losses_total{cause="expired"}': '0+0x60',
  'holdfast_broker_digests_differed_total{partition="0"}': '0+0x60',
  'holdfast_plain_messages_refused_total{reason="malformed"}': '0+0x60',
};

/** Every fault at once, on pods of other releases. Their connections would keep HoldfastAbsent silent. */
const NEIGHBOUR: Series = {
  ...QUIET,
  holdfast_gaps_total: '0+1x60',
  holdfast_broker_up: '0+0x60',
  holdfast_broker_history_bytes: '9900+0x60',
  holdfast_broker_reconnects_total: '0+0.5x60',
  'holdfast_broker_lag_seconds{partition="1"}': '40+0x60',
  'holdfast_broker_snapshot_age_seconds{partition="1"}': '0+30x60',
  'holdfast_broker_log_losses_total{cause="truncated"}': '0+1x60',
  'holdfast_broker_digests_differed_total{partition="0"}': '0+1x60',
  'holdfast_plain_messages_refused_total{reason="malformed"}': '0+1x60',
};

/** The shape of the name of a Deployment's pod. */
const POD = 'test-holdfast-6d8f5db9c-x2x4z';

const NEIGHBOURS: readonly (readonly [namespace: string, pod: string])[] = [
  ['other-ns', POD],
  ['test-ns', 'test-holdfast-eu-6d8f5db9c-x2x4z'],
  ['test-ns', 'eu-test-holdfast-6d8f5db9c-x2x4z'],
];

/** The cases that also have the pods of other releases: with these, nothing may fire that the release itself does not cause. */
const NOTHING = 'nothing';
/** KEDA reports an empty result as an error, and does not count it as 0 connections. */
const ABSENT = 'no pod is scraped';

function neighboursOf(name: string): typeof NEIGHBOURS {
  return name === NOTHING || name === ABSENT ? NEIGHBOURS : [];
}

/** What happens, at which minute the alerts are looked at, and which fire then. */
const CASES: readonly [name: string, series: Series, minute: number, fires: readonly string[]][] = [
  [NOTHING, {}, 29, []],
  [ABSENT, { holdfast_connections: '_x60' }, 6, ['HoldfastAbsent']],
  ['no pod was scraped for two minutes', { holdfast_connections: '5 _x4 5x55' }, 4, []],
  ['gaps for 20 minutes', { holdfast_gaps_total: '0+1x60' }, 20, ['HoldfastGaps']],
  ['the broker is down for 3 minutes', { holdfast_broker_up: '1x4 0x55' }, 6, ['HoldfastBrokerDown']],
  ['the broker was down for a minute', { holdfast_broker_up: '1x4 0x1 1x53' }, 7, []],
  [
    'a partition is read late for 3 minutes',
    { 'holdfast_broker_lag_seconds{partition="1"}': '1x4 40x55' },
    6,
    ['HoldfastBrokerBehind'],
  ],
  [
    'a feed without partitions is read late for 3 minutes',
    { holdfast_broker_lag_seconds: '1x4 40x55' },
    6,
    ['HoldfastBrokerBehind'],
  ],
  ['a partition was read late for a minute', { 'holdfast_broker_lag_seconds{partition="1"}': '1x4 40x1 1x53' }, 7, []],
  [
    'nothing is read, because the broker is down',
    { 'holdfast_broker_lag_seconds{partition="1"}': '1x4 40+30x55', holdfast_broker_up: '1x4 0x55' },
    10,
    ['HoldfastBrokerDown'],
  ],
  [
    'the log lost its latest entries',
    { 'holdfast_broker_log_losses_total{cause="truncated"}': '0x9 1x50' },
    6,
    ['HoldfastBrokerLogLoss'],
  ],
  [
    'the log lost its latest entries 20 minutes ago',
    { 'holdfast_broker_log_losses_total{cause="truncated"}': '0x9 1x50' },
    25,
    [],
  ],
  [
    'a pod that started a minute ago found no snapshot',
    { 'holdfast_broker_log_losses_total{cause="expired"}': '_x30 1x29' },
    17,
    ['HoldfastBrokerLogLoss'],
  ],
  [
    'a digest differs',
    { 'holdfast_broker_digests_differed_total{partition="0"}': '0x9 1x50' },
    6,
    ['HoldfastBrokerDigestsDiffer'],
  ],
  [
    'no snapshot is written for 25 minutes',
    { 'holdfast_broker_snapshot_age_seconds{partition="1"}': '0+30x60' },
    25,
    ['HoldfastBrokerSnapshotOld'],
  ],
  [
    'connections are lost every minute',
    { holdfast_broker_reconnects_total: '0+0.5x60' },
    29,
    ['HoldfastBrokerReconnects'],
  ],
  ['connections were lost twice', { holdfast_broker_reconnects_total: '0x9 2x50' }, 20, []],
  [
    'a backend publishes what is not JSON',
    { 'holdfast_plain_messages_refused_total{reason="malformed"}': '0x9 1x50' },
    6,
    ['HoldfastPlainMessagesRefused'],
  ],
  [
    'a backend publishes to a channel that it may not, for the first time',
    { 'holdfast_plain_messages_refused_total{reason="forbidden"}': '_x30 1x29' },
    17,
    ['HoldfastPlainMessagesRefused'],
  ],
  [
    'a backend published what is not JSON 20 minutes ago',
    { 'holdfast_plain_messages_refused_total{reason="malformed"}': '0x9 1x50' },
    25,
    [],
  ],
  ['histories use all memory', { holdfast_broker_history_bytes: '9900+0x60' }, 20, ['HoldfastBrokerHistoryFull']],
];

/** The series of a pod, as input of promtool. */
function inputs(all: Series, namespace = 'test-ns', pod = POD): object[] {
  return Object.entries(all).map(([metric, values]) => {
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(metric) ?? [];
    const identity = `namespace="${namespace}", pod="${pod}", instance="10.0.0.1:8001"`;
    return { series: `${name}{${identity}${labels && `, ${labels}`}}`, values };
  });
}

describe('the alerts', () => {
  it('fire in the faults that they are for, and are silent otherwise, whatever happens to other releases', async ({
    skip,
  }) => {
    const { promtool } = inject('tools');
    if ('missing' in promtool) return skip(promtool.missing);
    const folder = await mkdtemp(join(tmpdir(), 'alerts-'));
    onTestFinished(async () => rm(folder, { recursive: true }));
    const { rules, connections } = await rendered();
    await writeFile(join(folder, 'rules.yaml'), stringify({ groups: [{ name: 'holdfast', rules }] }));
    const tests = CASES.map(([name, series, minute, fires]) => ({
      name,
      interval: '30s',
      input_series: [
        ...inputs({ ...QUIET, ...series }),
        ...neighboursOf(name).flatMap(([namespace, pod]) => inputs(NEIGHBOUR, namespace, pod)),
      ],
      promql_expr_test: [
        {
          expr: 'sum by (alertname) (ALERTS{alertstate="firing"})',
          eval_time: `${minute}m`,
          exp_samples: fires.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
        },
        ...(name === ABSENT ? [{ expr: connections, eval_time: '3m', exp_samples: [] }] : []),
        ...(name === NOTHING
          ? [{ expr: connections, eval_time: '3m', exp_samples: [{ labels: '{}', value: 5 }] }]
          : []),
      ],
    }));
    const file = { rule_files: ['rules.yaml'], evaluation_interval: '30s', tests };
    await writeFile(join(folder, 'tests.yaml'), stringify(file));
    const output = await run(promtool.path, ['test', 'rules', 'tests.yaml'], { cwd: folder }).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    expect(`${output.stdout}${output.stderr}`).not.toContain('FAILED');
    expect(output.stdout).toContain('SUCCESS');
    // Each is seen to fire.
    expect(new Set(CASES.flatMap(([, , , fires]) => fires))).toEqual(new Set(rules.map(({ alert }) => alert)));
  });

  it('have a runbook', async () => {
    const page = await readFile(fileURLToPath(new URL('../../docs/monitoring.md', import.meta.url)), 'utf8');
    const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => slug(heading));
    for (const { alert, annotations } of (await rendered()).rules) {
      expect(annotations.runbook_url).toMatch(/\/v\d+\.\d+\.\d+\/docs\/monitoring\.md#\w+$/);
      expect(annotations.runbook_url).toContain(`#${alert.toLowerCase()}`);
      expect(headings).toContain(alert.toLowerCase());
      expect(JSON.stringify(annotations)).not.toContain('[[');
    }
  });
});
