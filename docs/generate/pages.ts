import { brokerTables, publishedBrokers, type PublishedBrokers } from '../../bench/brokers/published.ts';
import type { BrokerResults } from '../../bench/brokers/compare.ts';
import { redisPodsTables, type RedisPodsResults } from '../../bench/redis-pods/table.ts';
import { publishedOf, type Published } from '../../bench/report/published/results.ts';
import { publishedTables } from '../../bench/report/published/tables.ts';
import type { Results } from '../../bench/run.ts';
import { scaleTables, type ScaleResults } from '../../bench/scale/table.ts';
import type { Capacity } from '../../e2e/capacity/capacity.ts';
import { capacityTables } from '../../e2e/capacity/tables.ts';
import type { MeasuredFault } from '../../e2e/report/measured.ts';
import { faultTables, publishedFaults, type PublishedFaults } from '../../e2e/report/published.ts';

/** A page whose tables come from a file: those of docs/NAME.md from docs/NAME/results.json. */
export interface Page<Run = unknown, Content = unknown> {
  readonly name: string;
  /** The content of the file after a run. @param run what it wrote, @param former the content until now */
  published(run: Run, former: Content): Content;
  /** The text of each place in the page, by its name. */
  tables(content: Content): Readonly<Record<string, string>>;
}

const performance: Page<Results, Published> = {
  name: 'performance',
  published: publishedOf,
  tables: (results) => ({ results: publishedTables(results) }),
};

const resilience: Page<readonly MeasuredFault[], PublishedFaults> = {
  name: 'resilience',
  published: publishedFaults,
  tables: faultTables,
};

const brokers: Page<BrokerResults, PublishedBrokers> = {
  name: 'brokers',
  published: publishedBrokers,
  tables: brokerTables,
};

const redis: Page<RedisPodsResults, RedisPodsResults> = {
  name: 'brokers/redis',
  published: (run) => run,
  tables: redisPodsTables,
};

interface ScalingResults extends ScaleResults {
  readonly capacity: Capacity;
}

const scaling: Page<Partial<ScalingResults>, ScalingResults> = {
  name: 'scaling',
  published: (run, former) => ({ ...former, ...run }),
  tables: ({ capacity, ...model }) => ({ ...scaleTables(model), capacity: capacityTables(capacity) }),
};

export const PAGES: readonly Page[] = [performance, resilience, brokers, redis, scaling];
