// Imports with `.ts`: docs/generate runs it with Node alone.
import { markdownTable } from '../../bench/report/markdown.ts';
import type { Percentiles, Verdict } from '../load/verdict.js';
import type { MeasuredFault } from './measured.ts';
import { table } from './table.ts';

/** The file that the tables of docs/resilience.md come from: docs/resilience/results.json. */
export interface PublishedFaults {
  readonly about: string;
  readonly faults: readonly MeasuredFault[];
  readonly brokers: readonly BrokerFault[];
}

/** A fault on one of the brokers: its name begins with that of the broker. */
export interface BrokerFault extends Pick<MeasuredFault, 'fault' | 'date'> {
  readonly verdict: Pick<Verdict, 'lost' | 'duplicated' | 'misordered' | 'clientsWithGaps'> & {
    readonly latency: Pick<Percentiles, 'max'>;
  };
}

const BROKERS = ['Kafka', 'RabbitMQ', 'NATS'] as const;

/** The rows of the table of brokers, and what clients notice of each. */
const NOTICED: Readonly<Record<string, string>> = {
  'the server killed that leads most partitions':
    'sockets stay open; publishes to its partitions wait, or are refused meanwhile',
  "kill −9 of a gateway's process": 'a third of the clients is disconnected',
  'all pods of the gateway killed at once, and started again': 'all are disconnected, and resume where they were',
};

const nameOf = (broker: string, fault: string): string => `${broker}: ${fault}`;

const ON_BROKERS = new Set(BROKERS.flatMap((broker) => Object.keys(NOTICED).map((fault) => nameOf(broker, fault))));

/** Replaces the rows of the faults that a run injected, and adds those that are new. */
export function publishedFaults(run: readonly MeasuredFault[], former: PublishedFaults): PublishedFaults {
  return {
    ...former,
    faults: merged(
      former.faults,
      run.filter(({ fault }) => !fault.includes(': ')),
    ),
    brokers: merged(
      former.brokers,
      run.filter(({ fault }) => ON_BROKERS.has(fault)),
    ),
  };
}

function merged<Row extends { readonly fault: string }>(former: readonly Row[], run: readonly Row[]): Row[] {
  return [...new Map([...former, ...run].map((row) => [row.fault, row])).values()];
}

export function faultTables({ faults, brokers }: PublishedFaults): Readonly<Record<'faults' | 'brokers', string>> {
  return { faults: table(faults), brokers: brokersTable(brokers) };
}

function brokersTable(rows: readonly BrokerFault[]): string {
  const head = ['Fault', 'What clients notice', ...BROKERS.map((broker) => `Longest delivery on ${broker}`)];
  const cells = Object.entries(NOTICED).map(([fault, noticed]) =>
    [fault, noticed].concat(
      BROKERS.map((broker) => {
        const row = rows.find((one) => one.fault === nameOf(broker, fault));
        return row === undefined ? '' : `${(row.verdict.latency.max / 1_000).toFixed(1)} s`;
      }),
    ),
  );
  return markdownTable([head, ...cells]);
}
