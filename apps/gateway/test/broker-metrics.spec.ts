import { LogBroker, MemoryBroker, type Broker, type BrokerStats, type LogSettings } from '@holdfast/broadcast';
import { describe, expect, it, vi } from 'vitest';
import { decodeEntry } from '../../../libs/broadcast/src/log/records/entry-codec.js';
import type { LogRecord } from '../../../libs/broadcast/src/log/records/records.js';
import type { LogAdapterEvents } from '../../../libs/broadcast/src/log/log-adapter.js';
import type { MemoryLogAdapter } from '../../../libs/broadcast/src/testing/memory-log/memory-log-adapter.js';
import { MemoryLog } from '../../../libs/broadcast/src/testing/memory-log/memory-log.js';
import { create } from '../src/app.js';
import { AppModule } from '../src/app.module.js';
import { Metrics } from '../src/metrics/metrics.js';
import { API_KEY, runGateway, testConfig, type TestGateway } from './support/gateway.js';
import { metric } from './support/metric.js';

/** A pod counts as behind after six beacons. */
const QUICK: Partial<LogSettings> = { beaconInterval: 100, snapshotInterval: 100 };

/** More than the largest message. */
const LARGE = { maxEntry: 1_000_000 };

async function startOn(broker: Broker): Promise<TestGateway> {
  const config = testConfig();
  const gateway = await runGateway(await create(config, AppModule.forRoot(config, [], { broker })), config);
  await until(async () => expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200));
  await until(async () => expect(await metric(gateway, 'holdfast_broker_up')).toBe(1));
  return gateway;
}

async function startOnLog(
  log: MemoryLog,
  settings = QUICK,
): Promise<{ gateway: TestGateway; adapter: MemoryLogAdapter }> {
  const adapter = log.connect();
  return { gateway: await startOn(new LogBroker(adapter, settings)), adapter };
}

async function until<T>(assertions: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(assertions, { timeout: 10_000, interval: 20 });
}

async function publish({ url }: TestGateway, channel: string, data: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json', 'x-api-key': API_KEY };
  const body = JSON.stringify({ channel, data });
  const { status } = await fetch(`${url}/api/publish`, { method: 'POST', headers, body });
  expect(status).toBe(200);
}

function recordsOf(data: Uint8Array): readonly LogRecord[] {
  const decoded = decodeEntry(data);
  return decoded.kind === 'entry' ? decoded.entry.records : [];
}

function isHidden(data: Uint8Array): boolean {
  return recordsOf(data).some((record) => record.kind === 'publish' && record.channel === 'news:hidden');
}

/** The names and labels of all series of the broker. */
async function seriesOf({ app }: TestGateway): Promise<string[]> {
  const text = await app.get(Metrics).registry.metrics();
  return [...text.matchAll(/^(holdfast_broker_\S+) /gm)].map(([, name = '']) => name);
}

/** As a broker that reads one feed for all channels. */
class FeedBroker extends MemoryBroker {
  override async stats(): Promise<BrokerStats> {
    const feed = { lag: 250, isNotified: true, entriesRead: 2, recordsRead: 5, entriesWritten: 3, recordsWritten: 7 };
    return { reconnects: 1, memory: undefined, log: undefined, feed };
  }
}

it('the metrics of a broker with one feed are those of a log that apply, without partitions', async () => {
  const gateway = await startOn(new FeedBroker());
  const series = await seriesOf(gateway);
  expect(series.filter((name) => name.includes('partition'))).toEqual([]);
  const found = await Promise.all(series.map(async (name) => [name, await metric(gateway, name)] as const));
  expect(Object.fromEntries(found)).toMatchObject({
    holdfast_broker_up: 1,
    holdfast_broker_reconnects_total: 1,
    holdfast_broker_lag_seconds: 0.25,
    holdfast_broker_notified: 1,
    holdfast_broker_entries_read_total: 2,
    holdfast_broker_records_read_total: 5,
    holdfast_broker_entries_written_total: 3,
    holdfast_broker_records_written_total: 7,
  });
});

describe('the metrics of a broker on a log', () => {
  it('have a series for each partition, and are only those that the server can give', async () => {
    const { gateway } = await startOnLog(new MemoryLog({ ...LARGE, partitions: 2, bounds: false, clock: false }));
    await publish(gateway, 'news:today', 'x');
    const series = await seriesOf(gateway);
    const byPartition = [
      'holdfast_broker_partition_up',
      'holdfast_broker_lag_seconds',
      'holdfast_broker_snapshot_age_seconds',
      'holdfast_broker_entries_read_total',
      'holdfast_broker_records_read_total',
      'holdfast_broker_entries_written_total',
      'holdfast_broker_records_written_total',
      'holdfast_broker_interruptions_total',
      'holdfast_broker_digests_differed_total',
    ];
    for (const name of byPartition) {
      expect(series.filter((line) => line.startsWith(name))).toEqual([
        `${name}{partition="0"}`,
        `${name}{partition="1"}`,
      ]);
    }
    // So that the first one counts as an increase.
    expect(series.filter((line) => line.startsWith('holdfast_broker_log_losses_total'))).toHaveLength(6);
    expect(series.filter((line) => line.includes('lag_entries'))).toEqual([]);
    expect(await metric(gateway, 'holdfast_broker_window_seconds')).toBe(900);
    expect(await metric(gateway, 'holdfast_broker_history_limit_bytes')).toBe(134_217_728);
    expect(await metric(gateway, 'holdfast_broker_history_bytes')).toBeGreaterThan(0);
  });

  it('show the lag while nothing is read, /health names the partition, and the pod stays in service', async () => {
    const log = new MemoryLog({ ...LARGE, partitions: 2, heartbeat: 60_000 });
    const { gateway, adapter } = await startOnLog(log);
    await until(async () => expect(await metric(gateway, 'holdfast_broker_lag_entries{partition="1"}')).toBe(0));
    adapter.hold(1);
    await until(async () => {
      const { details } = (await (await fetch(`${gateway.url}/health`)).json()) as { details: { broker: object } };
      expect(details.broker).toMatchObject({ behind: [{ partition: 1, seconds: expect.any(Number) }] });
    });
    expect(await metric(gateway, 'holdfast_broker_lag_seconds{partition="1"}')).toBeGreaterThan(0.6);
    expect(await metric(gateway, 'holdfast_broker_lag_entries{partition="1"}')).toBeGreaterThan(0);
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
    adapter.release(1);
    await until(async () => expect(await metric(gateway, 'holdfast_broker_lag_entries{partition="1"}')).toBe(0));
    // What is not known has no series.
    adapter.hang();
    expect(await metric(gateway, 'holdfast_broker_lag_entries{partition="1"}')).toBeUndefined();
  });

  it('count a log that has lost entries', async () => {
    const log = new MemoryLog({ ...LARGE, partitions: 1 });
    const { gateway } = await startOnLog(log);
    for (let count = 0; count < 10; count += 1) await publish(gateway, 'news:today', count);
    log.stop();
    await until(async () => expect(await metric(gateway, 'holdfast_broker_up')).toBe(0));
    expect(await metric(gateway, 'holdfast_broker_partition_up{partition="0"}')).toBe(0);
    log.truncate(0, 5);
    log.run();
    await until(async () =>
      expect(await metric(gateway, 'holdfast_broker_log_losses_total{cause="truncated"}')).toBe(1),
    );
    expect(await metric(gateway, 'holdfast_broker_reconnects_total')).toBe(1);
    expect(await metric(gateway, 'holdfast_broker_log_losses_total{cause="recreated"}')).toBe(0);
  });

  it('count digests that differ, on at least one of two pods', async () => {
    const log = new MemoryLog({ ...LARGE, partitions: 1 });
    const { gateway: here } = await startOnLog(log);
    const adapter = log.connect();
    const begin = adapter.start.bind(adapter);
    adapter.start = (events: LogAdapterEvents) =>
      begin({
        ...events,
        onEntries: (partition, entries) =>
          events.onEntries(
            partition,
            entries.filter(({ data }) => !isHidden(data)),
          ),
      });
    const there = await startOn(new LogBroker(adapter, QUICK));
    await publish(here, 'news:hidden', 'x');
    const sum = async (line: string): Promise<number> => {
      const values = await Promise.all([here, there].map(async (gateway) => metric(gateway, line)));
      return values.reduce<number>((total, value) => total + (value ?? 0), 0);
    };
    await until(async () => {
      expect(await sum('holdfast_broker_digests_differed_total{partition="0"}')).toBeGreaterThan(0);
      expect(await sum('holdfast_broker_log_losses_total{cause="digest"}')).toBeGreaterThan(0);
    });
  });

  it('show that no snapshot is written', async () => {
    const log = new MemoryLog({ ...LARGE, partitions: 1 });
    log.fate = (_, data) => (recordsOf(data).some(({ kind }) => kind === 'state') ? 'refused' : 'stored');
    const { gateway } = await startOnLog(log);
    await until(async () =>
      expect(await metric(gateway, 'holdfast_broker_snapshot_age_seconds{partition="0"}')).toBeGreaterThan(1),
    );
  });
});

describe('the metrics of the memory broker', () => {
  it('are those that it has in common with others', async () => {
    const gateway = await startOn(new MemoryBroker());
    expect(await seriesOf(gateway)).toEqual(
      expect.arrayContaining([
        'holdfast_broker_up',
        'holdfast_broker_reconnects_total',
        'holdfast_broker_history_bytes',
        'holdfast_broker_history_limit_bytes',
      ]),
    );
    expect((await seriesOf(gateway)).filter((line) => /partition|log|lag|window/.test(line))).toEqual([]);
    await publish(gateway, 'news:today', 'x');
    expect(await metric(gateway, 'holdfast_broker_history_bytes')).toBeGreaterThan(0);
  });
});
