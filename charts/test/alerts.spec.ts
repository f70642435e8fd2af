import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, it } from 'vitest';
import { KEDA } from './support/everything.ts';
import { render } from './support/helm.ts';
import { alertsOf, firing, groupsOf, POD, seriesOf, testRules, type Series } from './support/promtool-tests.ts';

const RUNBOOKS = fileURLToPath(new URL('../../docs/runbooks', import.meta.url));

const manifests = render({ ...KEDA, metrics: { prometheusRule: { enabled: true } } });

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
  ['a few gaps for 20 minutes', { holdfast_gaps_total: '0+0.1x60' }, 20, ['HoldfastGaps']],
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

describe('the alerts', () => {
  it('fire in the faults that they are for, and are silent otherwise, whatever happens to other releases', async ({
    skip,
  }) => {
    const { promtool } = inject('tools');
    if ('missing' in promtool) return skip(promtool.missing);
    // slos.spec.ts has the others.
    const groups = groupsOf(await manifests).filter(({ name }) => name === 'holdfast');
    const connections = (await manifests).get('ScaledObject').spec.triggers[0].metadata.query as string;
    const tests = CASES.map(([name, series, minute, fires]) => ({
      name,
      series: [
        ...seriesOf({ ...QUIET, ...series }),
        ...neighboursOf(name).flatMap(([namespace, pod]) => seriesOf(NEIGHBOUR, namespace, pod)),
      ],
      expect: [
        firing(`${minute}m`, fires),
        ...(name === ABSENT ? [{ expr: connections, at: '3m', results: [] }] : []),
        ...(name === NOTHING ? [{ expr: connections, at: '3m', results: [['{}', 5]] as const }] : []),
      ],
    }));
    const output = await testRules(promtool.path, groups, tests);
    expect(output).not.toContain('FAILED');
    expect(output).toContain('SUCCESS');
    // Each is seen to fire.
    const alerts = alertsOf(groups).map(({ alert }) => alert);
    expect(new Set(CASES.flatMap(([, , , fires]) => fires))).toEqual(new Set(alerts));
  });

  it('have a runbook each, which begins with the call of the doctor, and there is no other runbook', async () => {
    const alerts = alertsOf(groupsOf(await manifests));
    for (const { alert, annotations } of alerts) {
      expect(annotations.runbook_url).toMatch(
        new RegExp(`^https://github.com/holdfast/holdfast/blob/v\\d+\\.\\d+\\.\\d+/docs/runbooks/${alert}\\.md$`),
      );
      expect(JSON.stringify(annotations)).not.toContain('[[');
    }
    const pages = (await readdir(RUNBOOKS)).filter((page) => page !== 'README.md').toSorted();
    expect(pages).toEqual([...new Set(alerts.map(({ alert }) => `${alert}.md`))].toSorted());
    for (const page of pages) {
      const text = await readFile(join(RUNBOOKS, page), 'utf8');
      expect(text.startsWith(`# ${page.replace('.md', '')}\n`), page).toBe(true);
      expect(/^ {4}(.*)$/m.exec(text)?.[1], page).toBe('holdfast doctor --namespace NAMESPACE --release RELEASE');
    }
  });
});
