import type { Target } from '../../cases/case.ts';
import { CASES } from '../../cases/index.ts';
import type { ServerName } from '../../servers/server.ts';
import { day } from '../day.ts';
import { figure } from '../figure.ts';
import { markdownTable } from '../markdown.ts';
import type { Published, PublishedRatio } from './results.ts';

/** The ratio of a target of a case, or with `best` the lowest of those to all peers. */
interface RatioRow {
  readonly title: string;
  readonly what: string;
  readonly case: string;
  readonly metric: string;
  readonly of?: ServerName;
  readonly ofMetric?: string;
  readonly best?: boolean;
}

const RATIOS: readonly RatioRow[] = [
  {
    title: '1 message × 1,000 subscribers, 50/s: CPU per delivery',
    what: '÷ `ws` loop',
    case: 'broadcast',
    metric: 'cpu',
    of: 'ws',
  },
  { title: '', what: '÷ Centrifuge', case: 'broadcast', metric: 'cpu', of: 'centrifuge' },
  { title: '', what: '÷ C', case: 'broadcast', metric: 'cpu', of: 'floor' },
  {
    title: 'hot channel, 1,000/s × 200 subscribers: CPU per delivery',
    what: '÷ Centrifuge',
    case: 'hot',
    metric: 'cpu',
    of: 'centrifuge',
  },
  {
    title: '10,000 channels of 1 subscriber, 20,000/s: CPU per delivery',
    what: '÷ Centrifuge',
    case: 'direct',
    metric: 'cpu',
    of: 'centrifuge',
  },
  {
    title: '10,000 idle connections: memory of one',
    what: '÷ `ws` loop',
    case: 'memory',
    metric: 'perConnection',
    of: 'ws',
  },
  {
    title: 'connect, authenticate, subscribe: CPU',
    what: '÷ Centrifuge',
    case: 'connect',
    metric: 'cpu',
    of: 'centrifuge',
  },
  {
    title: 'resume with a replay of 20 messages: CPU',
    what: '÷ connect and subscribe',
    case: 'resume',
    metric: 'resume',
    ofMetric: 'plain',
  },
  {
    title: 'HTTP publish, one per request: CPU',
    what: '÷ Centrifuge',
    case: 'http',
    metric: 'single',
    of: 'centrifuge',
  },
  {
    title: 'HTTP publish, 100 per request: CPU of each',
    what: '÷ one per request',
    case: 'http',
    metric: 'batch',
    ofMetric: 'single',
  },
  {
    title: 'two processes connected by Redis: latency p50',
    what: '÷ Socket.IO with its streams adapter',
    case: 'redis',
    metric: 'p50',
    of: 'socket.io',
  },
  { title: '… p99', what: '', case: 'redis', metric: 'p99', of: 'socket.io' },
  { title: '… saturated', what: '', case: 'redis', metric: 'throughput', of: 'socket.io' },
  { title: 'saturated, 1 × 1,000', what: '÷ best of all peers', case: 'broadcast', metric: 'throughput', best: true },
  { title: 'saturated, hot channel', what: '÷ best of all peers', case: 'hot', metric: 'throughput', best: true },
  {
    title: 'saturated, direct messages',
    what: '÷ best of all peers',
    case: 'direct',
    metric: 'throughput',
    best: true,
  },
  {
    title: 'cost per delivery, 100 → 10,000 subscribers',
    what: 'end to end',
    case: 'growth-subscribers',
    metric: 'cpu-10000',
    ofMetric: 'cpu-100',
  },
  {
    title: '… 1 → 50,000 channels',
    what: 'end to end',
    case: 'growth-channels',
    metric: 'cpu-50000',
    ofMetric: 'cpu-1',
  },
  {
    title: '… 1 → 200 channels per connection',
    what: 'end to end',
    case: 'growth-subscriptions',
    metric: 'cpu-200',
    ofMetric: 'cpu-1',
  },
];

/** The columns of absolute figures. */
const COSTS: readonly { title: string; case: string; metric: string; digits: number }[] = [
  { title: 'delivery, 1 × 1,000', case: 'broadcast', metric: 'cpu', digits: 1 },
  { title: 'delivery, hot', case: 'hot', metric: 'cpu', digits: 1 },
  { title: 'direct message', case: 'direct', metric: 'cpu', digits: 1 },
  { title: 'connection', case: 'memory', metric: 'perConnection', digits: 1 },
  { title: 'connect', case: 'connect', metric: 'cpu', digits: 0 },
  { title: 'HTTP publish', case: 'http', metric: 'single', digits: 0 },
];

const NAMES: Readonly<Partial<Record<ServerName, string>>> = {
  holdfast: 'Holdfast',
  ws: '`ws` loop',
  nest: 'Nest WsAdapter',
  'socket.io': 'Socket.IO',
  centrifuge: 'Centrifuge',
  'centrifuge-merging': 'Centrifuge, 5 ms merging',
  floor: 'C',
};

/** A figure as the documentation writes it, with its unit. */
export function cost(published: Published, name: string, metric: string, server: ServerName = 'holdfast'): string {
  const column = COSTS.find((each) => each.case === name && each.metric === metric);
  const measured = published.costs.find((each) => each.case === name && each.metric === metric);
  const value = measured?.servers[server];
  return measured === undefined || value === undefined ? '' : `${figure(value, column?.digits)} ${measured.unit}`;
}

/** Where the figures come from, and both tables. */
export function publishedTables(published: Published): string {
  const { date, node, machine } = published;
  const servers = Object.entries(NAMES) as [ServerName, string][];
  return [
    `One run of everything on an idle machine, three rounds (one for growth), on ${day(date)}. Node ${node}, ${machine}; median (lowest–highest).`,
    '',
    markdownTable([['case', 'ratio', 'measured', 'target', ''], ...RATIOS.map((row) => ratioCells(published, row))]),
    '',
    'Absolute figures:',
    '',
    markdownTable([
      ['server', ...COSTS.map(({ title }) => title)],
      ...servers.map(([server, name]) =>
        [name].concat(COSTS.map(({ case: measured, metric }) => cost(published, measured, metric, server))),
      ),
    ]),
  ].join('\n');
}

function ratioCells({ ratios }: Published, row: RatioRow): string[] {
  const { title, what, case: name, metric, ofMetric, best = false } = row;
  const measured = ratios
    .filter((each) => each.case === name && each.metric === metric && each.ofMetric === ofMetric)
    .toSorted((one, other) => one.median - other.median);
  const own = measured.find(({ server, of }) => server === 'holdfast' && (best ? isPeer(of) : of === row.of));
  if (own === undefined) throw new Error(`the results have no ratio for ${name}, ${metric}`);
  const { bound, stretch, moreIsBetter } = targetOf(own);
  const others = measured.filter(
    (each) => each !== own && (each.server !== 'holdfast' || each.of === 'centrifuge-merging'),
  );
  const isMet = moreIsBetter ? own.median > bound : own.median <= bound;
  const limit = moreIsBetter ? `> ${bound}` : `≤ ${bound.toFixed(2).replace(/(\.\d)0$/, '$1')}`;
  return [
    title,
    best ? `${what}, ${own.of === undefined ? '' : NAMES[own.of]}` : what,
    `${range(own)}${remark(others)}`,
    stretch ? `(${limit})` : limit,
    isMet ? 'met' : 'missed',
  ];
}

/** A server whose best setting is its default. */
function isPeer(of: ServerName | undefined): boolean {
  return of !== undefined && of !== 'centrifuge-merging';
}

function targetOf({ case: name, metric, of, ofMetric }: PublishedRatio): {
  bound: number;
  stretch: boolean;
  moreIsBetter: boolean;
} {
  const measured = CASES.find((each) => each.name === name);
  const target = measured?.targets.find(
    (each: Target) => each.metric === metric && each.of === of && each.ofMetric === ofMetric,
  );
  if (target === undefined) throw new Error(`${name} has no target for ${metric}`);
  const moreIsBetter = measured?.metrics.find(({ key }) => key === metric)?.moreIsBetter ?? false;
  return { bound: target.bound, stretch: target.stretch ?? false, moreIsBetter };
}

function range({ median, min, max }: PublishedRatio): string {
  const digits = median >= 2 ? 1 : 2;
  const rounds = min === undefined || max === undefined ? '' : ` (${figure(min, digits)}–${figure(max, digits)})`;
  return figure(median, digits) + rounds;
}

/** The same ratio of other servers, or to Centrifuge if it merges writes, which it does not by default. */
function remark(others: readonly PublishedRatio[]): string {
  const merging = others.find(({ of }) => of === 'centrifuge-merging');
  if (merging !== undefined) return `; ${figure(merging.median, 1)} if it merges`;
  if (others.length === 0) return '';
  return ` (${others.map(({ server, median }) => `${NAMES[server]}: ${figure(median, 1)}`).join(', ')})`;
}
