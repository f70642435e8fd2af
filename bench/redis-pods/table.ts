import { day } from '../report/day.ts';
import { figure } from '../report/figure.ts';
import { markdownTable } from '../report/markdown.ts';
import type { ConnectSample, Cost, PodsSample } from './measure.ts';

/** As `--json` writes it and docs/brokers/redis/results.json has it. */
export interface RedisPodsResults {
  readonly date: string;
  readonly machine: string;
  readonly setUps: readonly PublishedSetUp[];
}

/** What the page shows of a set-up. */
interface PublishedSetUp {
  readonly title: string;
  readonly samples: readonly {
    readonly pods: number;
    readonly idle: Pick<Cost, 'cpu'>;
    readonly publish: Cost;
  }[];
}

export interface RedisPodsResult {
  readonly title: string;
  readonly samples: readonly PodsSample[];
  readonly connects: ConnectSample;
}

/** A table of pods, and one of connects, for all set-ups. */
export function asMarkdown(results: readonly RedisPodsResult[]): string {
  const sizes = [...new Set(results.flatMap(({ samples }) => samples.map(({ pods }) => pods)))];
  const byPods = sizes.map((size) => {
    const costs = results.flatMap(({ samples }) => {
      const sample = samples.find(({ pods }) => pods === size);
      return sample === undefined ? ['', '', '', ''] : [...cells(sample.idle), ...cells(sample.publish)];
    });
    return [`${size}`].concat(costs);
  });
  const columns = ['commands per idle pod and second', 'µs of CPU', 'commands per publish', 'µs of CPU'];
  const head = ['pods', ...results.flatMap(({ title }) => columns.map((column) => `${title}: ${column}`))];
  const byOperation = (['connect', 'subscribe', 'join'] as const).map((operation) =>
    [operation as string].concat(results.flatMap(({ connects }) => cells(connects[operation]))),
  );
  const operations = ['', ...results.flatMap(({ title }) => [`${title}: commands`, 'µs of CPU'])];
  return `${markdownTable([head, ...byPods])}\n\n${markdownTable([operations, ...byOperation])}\n`;
}

function cells({ commands, cpu }: Cost): string[] {
  return [figure(commands, 1), figure(cpu, 0)];
}

export function redisPodsTables({ date, machine, setUps }: RedisPodsResults): Readonly<Record<'pods', string>> {
  const columns = setUps.flatMap(({ title }) => [
    `${title}: commands per publish`,
    '… µs of CPU',
    '… µs of CPU per idle pod and second',
  ]);
  const [first] = setUps;
  const rows = (first?.samples ?? []).map(({ pods }) => {
    const costs = setUps.flatMap(({ samples }) => {
      const sample = samples.find((one) => one.pods === pods);
      if (sample === undefined) return ['', '', ''];
      const { idle, publish } = sample;
      return [figure(publish.commands, 0), figure(publish.cpu, 0), figure(idle.cpu, 0)];
    });
    return [`${pods}`].concat(costs);
  });
  return { pods: `Measured: ${day(date)}, ${machine}.\n\n${markdownTable([['Pods', ...columns], ...rows])}` };
}
