import { Metrics } from '../../src/metrics/metrics.js';
import type { TestGateway } from './gateway.js';

/**
 * The present value of one line of /metrics, `name{label="value"}`; undefined if there is none. Not by HTTP: scrapes that
 * follow each other closely share a result.
 */
export async function metric({ app }: Pick<TestGateway, 'app'>, line: string): Promise<number | undefined> {
  const text = await app.get(Metrics).registry.metrics();
  const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length));
}
