// Imports with `.ts`: docs/generate runs it with Node alone.
import { day } from '../../bench/report/day.ts';
import { figure, spreadFigure } from '../../bench/report/figure.ts';
import { markdownTable } from '../../bench/report/markdown.ts';
import { percent } from '../../bench/report/percent.ts';
import { spreadOf } from '../../bench/report/ratios.ts';
import type { Capacity } from './capacity.ts';
import type { Start } from './start.ts';

const SINGLE = 1;

const NOT_YET = 'The messages that a pod delivers in time are not measured yet.';

/** What docs/scaling.md says about a run of the suite. */
export function capacityTables(capacity: Capacity): string {
  const { date, node, machine, filling, throughput, starts } = capacity;
  const refused = Object.entries(filling.refusals).map(([how, times]) => `\`${how}\` (${count(times)})`);
  return [
    `One run on ${day(date)}: Node ${node}, ${machine}, which the pod shared with the load generator, Redis and the cluster.` +
      (throughput.length === 0 ? ` ${NOT_YET}` : ''),
    '',
    `**Clients until it is full.** Of ${count(filling.perSecond)} clients that connected each second, each subscribed to a channel of its own, a pod with ` +
      `${filling.memoryLimit} MiB accepted ${count(filling.accepted)}, and refused the others: ${refused.join(', ')}. ${lost(filling.lost)} ` +
      `The container had ${filling.memory.toFixed(0)} MiB then, and the gateway had used ${percent(filling.cpu)} of a core.`,
    '',
    ...inTime(throughput),
    `**After a rollout** of the only pod, ${starts.length} times, median (lowest–highest): its clients came to the new pod at once, 50 at a time.`,
    '',
    markdownTable([['', 'first', 'later', 'first ÷ later'], ...startRows(starts)]),
  ].join('\n');
}

function inTime(throughput: Capacity['throughput']): string[] {
  if (throughput.length === 0) return [];
  const sizes = [...new Set(throughput.map(({ clients }) => clients))];
  const generator = Math.max(...throughput.map((each) => each.generator));
  return [
    '**Messages in time.** The most messages per second with which p99 of the latency stayed below 100 ms for 10 s, from the backend that publishes them in ' +
      `batches to the client. The load generator used ${percent(generator)} of a core at most.`,
    '',
    markdownTable([
      [
        'clients',
        'memory limit',
        'to one subscriber each',
        'p50, p99',
        'CPU',
        'to channels of 100 subscribers',
        'deliveries',
        'p50, p99',
        'CPU',
      ],
      ...sizes.map((clients) => sizeRow(throughput.filter((each) => each.clients === clients))),
    ]),
    '',
  ];
}

function sizeRow(all: readonly Capacity['throughput'][number][]): string[] {
  const direct = all.find(({ subscribers }) => subscribers === SINGLE);
  const channels = all.find(({ subscribers }) => subscribers !== SINGLE);
  if (direct === undefined || channels === undefined) throw new Error('the results do not have both kinds of channels');
  return [
    count(direct.clients),
    `${direct.memoryLimit} MiB`,
    `${count(direct.messages)}/s`,
    latency(direct),
    percent(direct.cpu),
    `${count(channels.messages)}/s`,
    `${count(channels.messages * channels.subscribers)}/s`,
    latency(channels),
    percent(channels.cpu),
  ];
}

function startRows(starts: readonly Start[]): string[][] {
  const of = (value: (start: Start) => number, digits = 0): string => spread(starts.map(value), digits);
  return [
    ['visits of the warm-up', of(({ visits }) => visits), '', ''],
    ['time of the warm-up', `${of(({ warmUpMs }) => warmUpMs / 1_000, 1)} s`, '', ''],
    ['p50 of the first 500 connects', `${of(({ p50 }) => p50)} ms`, '', ''],
    ['p99 of the first 500 connects', `${of(({ p99 }) => p99)} ms`, '', ''],
    [
      'CPU of a connect, of 2,000',
      `${of(({ firstConnects }) => firstConnects)} µs`,
      `${of(({ laterConnects }) => laterConnects)} µs`,
      of(({ firstConnects, laterConnects }) => firstConnects / laterConnects, 2),
    ],
    [
      'CPU of an HTTP publish, of 2,000',
      `${of(({ firstPublishes }) => firstPublishes)} µs`,
      `${of(({ laterPublishes }) => laterPublishes)} µs`,
      of(({ firstPublishes, laterPublishes }) => firstPublishes / laterPublishes, 2),
    ],
  ];
}

function lost(reasons: readonly string[]): string {
  return reasons.length === 0
    ? 'Nobody who was accepted lost the connection, and each received a message afterwards.'
    : `${reasons.length} of those that were accepted lost the connection.`;
}

const count = (value: number): string => figure(value, 0);
const latency = ({ p50, p99 }: { p50: number; p99: number }): string => `${p50.toFixed(0)}, ${p99.toFixed(0)} ms`;

function spread(values: readonly number[], digits: number): string {
  const found = spreadOf(values);
  return found === undefined ? '' : spreadFigure(found, digits);
}
