import { Metrics } from '../../src/metrics/metrics.js';
import type { TestGateway } from './gateway.js';

/**
 * The current value of one line of /metrics, `name{label="value"}`; undefined if it does not exist. Not read over HTTP,
 * because scrapes in quick succession share a result.
 */
export async function metric({ app }: Pick<TestGateway, 'app'>, line: string): Promise<number | undefined> {
  const text = await app.get(Metrics).registry.metrics();
  const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length));
}
