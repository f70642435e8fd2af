import { describe, expect, inject, it } from 'vitest';
import { render } from './support/helm.ts';
import {
  alertsOf,
  firing,
  groupsOf,
  seriesOf,
  testRules,
  type Group,
  type RuleTest,
  type Series,
} from './support/promtool-tests.ts';

const RULES = { metrics: { prometheusRule: { enabled: true } } };

/** An hour and a half of traffic, and then 50 minutes that differ, with a sample each minute. */
const STEADY = 90;
const REST = 50;

/** A counter that grows by `before` each minute and, after the hour and a half, by `after` for some minutes. */
function counter(before: number, after = before, minutes = REST): string {
  const changed = STEADY * before;
  const back = changed + minutes * after;
  return [
    `0+${before}x${STEADY}`,
    `${changed + after}+${after}x${minutes - 1}`,
    ...(minutes < REST ? [`${back + before}+${before}x${REST - minutes - 1}`] : []),
  ].join(' ');
}

const PUBLISHED = 'holdfast_published_total';
const FAILED = 'holdfast_publish_failures_total{code="unavailable"}';
const DELIVERED = 'holdfast_delivery_seconds_count';
const IN_TIME = 'holdfast_delivery_seconds_bucket{le="0.5"}';
const GAPS = 'holdfast_gaps_total';
const MOVED = 'holdfast_drained_clients_total{outcome="moved"}';
const CLOSED = 'holdfast_drained_clients_total{outcome="closed"}';

const HEALTHY: Series = {
  holdfast_connections: '5+0x140',
  holdfast_broker_up: '1+0x140',
  [PUBLISHED]: counter(600),
  [FAILED]: counter(0),
  [DELIVERED]: counter(1_200),
  [IN_TIME]: counter(1_200),
  [GAPS]: counter(0),
  [MOVED]: counter(0),
  [CLOSED]: counter(0),
};

/** Everything fails, on a pod of another release. */
const NEIGHBOUR: Series = {
  ...HEALTHY,
  [PUBLISHED]: counter(600, 0),
  [FAILED]: counter(0, 600),
  [IN_TIME]: counter(1_200, 0),
  [GAPS]: counter(0, 1_200),
  [CLOSED]: counter(0, 100),
};
const NEIGHBOURING_POD = 'test-holdfast-eu-6d8f5db9c-x2x4z';

/** What happens after an hour and a half, how many minutes later the alerts are looked at, and which fire then. */
const FAST: readonly [name: string, series: Series, after: number, fires: readonly string[]][] = [
  ['nothing, but another release fails', {}, 29, []],
  [
    'all publishes fail, for 3 minutes',
    { [PUBLISHED]: counter(600, 0), [FAILED]: counter(0, 600) },
    3,
    ['HoldfastPublishBudgetBurn fast', 'HoldfastPublishBudgetBurn slow'],
  ],
  [
    'half of the publishes failed for a minute',
    { [PUBLISHED]: counter(600, 300, 1), [FAILED]: counter(0, 300, 1) },
    3,
    // It is much of the budget of the time that is known so far.
    ['HoldfastPublishBudgetBurn slow'],
  ],
  [
    'all publishes failed for 3 minutes, 40 minutes ago',
    { [PUBLISHED]: counter(600, 0, 3), [FAILED]: counter(0, 600, 3) },
    43,
    ['HoldfastPublishBudgetBurn slow'],
  ],
  ['with little traffic, some publishes fail', { [PUBLISHED]: counter(1), [FAILED]: counter(0, 0.5) }, 15, []],
  [
    'all messages are late, for 12 minutes',
    { [IN_TIME]: counter(1_200, 0) },
    12,
    ['HoldfastDeliveryBudgetBurn fast', 'HoldfastDeliveryBudgetBurn slow'],
  ],
  ['half of the messages were late for a minute', { [IN_TIME]: counter(1_200, 600, 1) }, 3, []],
  [
    'each channel has a gap instead of messages, for 3 minutes',
    { [DELIVERED]: counter(1_200, 0), [IN_TIME]: counter(1_200, 0), [GAPS]: counter(0, 1_200) },
    3,
    ['HoldfastGapBudgetBurn fast', 'HoldfastGapBudgetBurn slow'],
  ],
  [
    'a rollout in which every third client is disconnected',
    { [MOVED]: counter(0, 400, 2), [CLOSED]: counter(0, 200, 2) },
    3,
    ['HoldfastConnectionBudgetBurn fast', 'HoldfastConnectionBudgetBurn slow'],
  ],
  [
    'a rollout in which one client of 200 is disconnected',
    { [MOVED]: counter(0, 2_388, 2), [CLOSED]: counter(0, 12, 2) },
    3,
    [],
  ],
];

function growing(each: number): string {
  return `0+${each}x2160`;
}

/** Three days, with a sample each 2 minutes, in which these shares of all events are bad. */
function slow(publishes: number, late: number, gaps: number, closed: number): Series {
  return {
    holdfast_connections: '5+0x2160',
    holdfast_broker_up: '1+0x2160',
    [PUBLISHED]: growing(100_000 * (1 - publishes)),
    [FAILED]: growing(100_000 * publishes),
    [DELIVERED]: growing(100_000 * (1 - gaps)),
    [IN_TIME]: growing(100_000 * (1 - gaps) * (1 - late)),
    [GAPS]: growing(100_000 * gaps),
    [MOVED]: growing(100_000 * (1 - closed)),
    [CLOSED]: growing(100_000 * closed),
  };
}

const ALL = ['Publish', 'Delivery', 'Gap', 'Connection'].map((name) => `Holdfast${name}BudgetBurn slow`);

function namesOf(groups: readonly Group[]): Set<string> {
  return new Set(alertsOf(groups.filter(({ name }) => name === 'holdfast-slos')).map(({ alert }) => `${alert} slow`));
}

describe('the service level objectives', () => {
  it('alert within minutes when their budget is used up fast, and not because of a few events', async ({ skip }) => {
    const { promtool } = inject('tools');
    if ('missing' in promtool) return skip(promtool.missing);
    const groups = groupsOf(await render(RULES)).filter(({ name }) => name === 'holdfast-slos');
    const tests = FAST.map(([name, series, after, fires]): RuleTest => ({
      name,
      series: [...seriesOf({ ...HEALTHY, ...series }), ...seriesOf(NEIGHBOUR, 'test-ns', NEIGHBOURING_POD)],
      expect: [firing(`${STEADY}m`, []), firing(`${STEADY + after}m`, fires)],
    }));
    const output = await testRules(promtool.path, groups, tests, '1m');
    expect(output).not.toContain('FAILED');
    expect(output).toContain('SUCCESS');
  });

  it('alert when their budget is used up slowly, and not while the objective is met', async ({ skip }) => {
    const { promtool } = inject('tools');
    if ('missing' in promtool) return skip(promtool.missing);
    const groups = groupsOf(await render(RULES)).filter(({ name }) => name === 'holdfast-slos');
    const tests: RuleTest[] = [
      { name: 'a bit worse', series: seriesOf(slow(0.0012, 0.012, 0.0012, 0.012)), expect: [firing('70h', ALL)] },
      { name: 'a bit better', series: seriesOf(slow(0.0008, 0.008, 0.0008, 0.008)), expect: [firing('70h', [])] },
    ];
    const output = await testRules(promtool.path, groups, tests, '2m', '30m');
    expect(output).not.toContain('FAILED');
    expect(output).toContain('SUCCESS');
  });

  it('all alert, and each can be disabled', async () => {
    expect(namesOf(groupsOf(await render(RULES)))).toEqual(new Set(ALL));
    const slos = Object.fromEntries(
      ['publishSuccess', 'deliveryLatency', 'gaps', 'connectionsKept'].map((slo) => [slo, { enabled: false }]),
    );
    const disabled = groupsOf(await render({ metrics: { prometheusRule: { enabled: true, slos } } }));
    expect(disabled.map(({ name }) => name)).toEqual(['holdfast']);
  });
});
