import { describe, expect, it } from 'vitest';
import { BROKER_CASES } from './cases.ts';
import type { BrokerResults, BrokerSample } from './compare.ts';
import { brokerTables, publishedBrokers } from './published.ts';
import { BROKERS } from './servers.ts';

/** A run of everything in which every broker measures the same, except what is given, by broker, case and key. */
function run(values: Readonly<Record<string, readonly (number | undefined)[]>> = {}): BrokerResults {
  const samples = BROKERS.flatMap(({ name: broker }) =>
    BROKER_CASES.flatMap(({ name, columns }) =>
      [0, 1, 2].map((round): BrokerSample => {
        const figures = columns.map(({ key, isYes }) => {
          const given = values[`${broker} ${name} ${key}`];
          return [key, given === undefined ? (isYes === true ? 0 : 2_000) : given[round]];
        });
        return { broker, case: name, round, figures: Object.fromEntries(figures) };
      }),
    ),
  );
  return { date: '2026-11-24T10:00:00.000Z', machine: 'a CPU', samples };
}

/** The cell of a broker in the row that begins with a text. */
function cell(table: string, start: string, broker: string): string | undefined {
  const rows = table.split('\n').map((line) => line.split(' | ').map((text) => text.replace(/^\| | \|$/g, '')));
  const column = rows.find((cells) => cells.includes(broker))?.indexOf(broker);
  return rows.find(([first]) => first === start)?.[column ?? 0];
}

describe('what is published of a run of the brokers', () => {
  it('is the median of the rounds, with three digits', () => {
    const { costs } = brokerTables(
      publishedBrokers(
        run({
          'redis latency p50': [0.5, 0.26, 0.2],
          'kafka saturation saturated': [49_449, 49_449, 1],
          'redis channels channel': [-0.2, -0.2, -0.2],
          'nats channels start': [2_740, 2_740, 2_740],
          'kafka connections connectionElsewhere': [761, 760, 759],
        }),
      ),
    );
    expect(costs).toContain('Measured: 24 November 2026, a CPU.');
    expect(cell(costs, 'latency between two pods at 1,000 messages per second, p50 (ms)', 'Redis')).toBe('0.3');
    expect(cell(costs, 'publishes per second that one pod answers', 'Kafka')).toBe('49,400');
    expect(cell(costs, 'heap of a channel without history on every pod (bytes)', 'Redis')).toBe('0');
    expect(cell(costs, 'a pod that starts beside 200,000 channels is ready after (s)', 'NATS')).toBe('2.7');
    expect(cell(costs, 'heap of a connection on its pod, and on every other (bytes)', 'Kafka')).toBe('2,000, 760');
  });

  it('has no figure that does not exist', () => {
    const none = [undefined, undefined, undefined];
    const { costs, failures } = brokerTables(publishedBrokers(run({ 'redis channels snapshotStep': none })));
    expect(cell(costs, 'longest step of the event loop with snapshots of them (ms)', 'Redis')).toBe('–');
    expect(cell(costs, 'CPU of the server per message at that rate (µs)', 'Pub/Sub (fake)')).toBe('–');
    expect(cell(costs, '… if one pod publishes as much as it can (µs)', '`memory:`, one pod')).toBe('');
    expect(cell(failures, 'the leader of three servers is killed', 'Pub/Sub (fake)')).toBe('–');
  });

  it('has the pause of a failure, how long the server was away, and a gap of any round', () => {
    const { failures } = brokerTables(
      publishedBrokers(
        run({
          'redis restart pause': [700, 10_000, 650],
          'redis restart away': [140, 140, 140],
          'redis restart gap': [0, 1, 0],
          'pubsub cut pause': [10_010, 10_010, 10_010],
          'pubsub cut away': [undefined, undefined, undefined],
        }),
      ),
    );
    expect(cell(failures, 'the server is killed, and started with its data', 'Redis')).toBe('0.7 s (0.1 s away), gap');
    expect(cell(failures, 'all connections are closed', 'Pub/Sub (fake)')).toBe('10 s');
  });

  it('is refused if a case of a broker is missing or has failed', () => {
    const { samples, ...rest } = run();
    const partial = samples.filter((sample) => sample.broker !== 'nats' || sample.case !== 'folding');
    expect(() => publishedBrokers({ ...rest, samples: partial })).toThrow(
      'the results have no figures for NATS, folding',
    );
  });
});
