import { figure } from '../report/figure.ts';
import type { ConnectSample, Cost, PodsSample } from './measure.ts';

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
  return [table([head, ...byPods]), table([operations, ...byOperation])].join('\n');
}

function cells({ commands, cpu }: Cost): string[] {
  return [figure(commands, 1), figure(cpu, 0)];
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('');
}
