import { describe, expect, it } from 'vitest';
import type { BrokerNotice, LogStats, PartitionStats } from '../broker-stats.js';
import { connect, QUICK, start } from '../testing/memory-log/log-pods.js';
import { MemoryLog, type MemoryLogOptions } from '../testing/memory-log/memory-log.js';
import { LASTING, type Pod, until } from '../testing/pod.js';
import type { LogAdapterEvents } from './log-adapter.js';
import { decodeEntry } from './records/entry-codec.js';
import type { LogRecord } from './records/records.js';

const CHANNEL = 'news:today';

async function statsOf({ broker }: Pod): Promise<LogStats> {
  const { log } = await broker.stats();
  if (log === undefined) throw new Error('the broker is not on a log');
  return log;
}

async function partitionOf(pod: Pod, partition = 0): Promise<PartitionStats> {
  const found = (await statsOf(pod)).partitions[partition];
  if (found === undefined) throw new Error(`no partition ${partition}`);
  return found;
}

function noticesOf<Kind extends BrokerNotice['kind']>(pod: Pod, kind: Kind): Extract<BrokerNotice, { kind: Kind }>[] {
  return pod.notices.filter((notice): notice is Extract<BrokerNotice, { kind: Kind }> => notice.kind === kind);
}

function recordsOf(data: Uint8Array): readonly LogRecord[] {
  const decoded = decodeEntry(data);
  return decoded.kind === 'entry' ? decoded.entry.records : [];
}

function isHidden(data: Uint8Array): boolean {
  return recordsOf(data).some((record) => record.kind === 'publish' && record.payload === 'hidden');
}

describe('the statistics of a broker on a log', () => {
  it.each<[string, MemoryLogOptions, unread: number | undefined]>([
    ['', {}, 0],
    [' without bounds, except unread entries', { bounds: false, clock: false }, undefined],
  ])('have everything for each partition%s', async (_, options, unread) => {
    const log = new MemoryLog({ ...options, partitions: 2 });
    const [here, there] = [await start(log), await start(log)];
    for (const { broker } of [here, there]) await broker.subscribe(CHANNEL, LASTING);
    await here.publishMany(CHANNEL, 50);
    await until(() => expect(there.delivered(CHANNEL)).toHaveLength(50));
    const { partitions, window } = await statsOf(here);
    expect(window).toBe(900_000);
    expect(partitions).toMatchObject([{ partition: 0 }, { partition: 1 }]);
    for (const { problem, lag, snapshotAge, isBehind } of partitions) {
      expect(problem).toBeUndefined();
      expect(isBehind).toBe(false);
      expect(lag).toBeLessThan(10_000);
      expect(snapshotAge).toBeLessThan(10_000);
    }
    const sum = async (pod: Pod, member: 'recordsRead' | 'recordsWritten' | 'entriesRead'): Promise<number> =>
      (await statsOf(pod)).partitions.reduce((total, stats) => total + stats[member], 0);
    expect(await sum(here, 'recordsWritten')).toBeGreaterThanOrEqual(50);
    expect(await sum(there, 'recordsWritten')).toBeLessThan(await sum(there, 'recordsRead'));
    expect(await sum(there, 'recordsRead')).toBeGreaterThanOrEqual(50);
    // Many records travel in one entry.
    expect(await sum(there, 'entriesRead')).toBeLessThan(await sum(there, 'recordsRead'));
    await until(async () => expect((await partitionOf(here)).unread).toBe(unread));
    const { memory } = await here.broker.stats();
    expect(memory?.maxBytes).toBe(134_217_728);
    expect(memory?.bytes).toBeGreaterThan(50);
  });

  it('say how far a pod is behind in which partition, and what it has not read', async () => {
    const log = new MemoryLog({ partitions: 2 });
    const { pod, adapter } = connect(log);
    await pod.start();
    adapter.hold(1);
    for (let count = 0; count < 7; count += 1) log.store(1, Buffer.from('{}'));
    await until(() => expect(noticesOf(pod, 'behind')).toMatchObject([{ partition: 1 }]));
    const { isBehind, lag, unread } = await partitionOf(pod, 1);
    expect(isBehind).toBe(true);
    expect(lag).toBeGreaterThan(600);
    expect(unread).toBeGreaterThanOrEqual(7);
    expect((await partitionOf(pod, 0)).isBehind).toBe(false);
    adapter.release(1);
    await until(() => expect(noticesOf(pod, 'caught-up')).toMatchObject([{ partition: 1 }]));
    expect(noticesOf(pod, 'behind')).toHaveLength(1);
  });

  it('settle within 1 s while the server hangs', async () => {
    const log = new MemoryLog({ partitions: 1, heartbeat: 60_000 });
    const { pod, adapter } = connect(log);
    await pod.start();
    adapter.hang();
    const began = performance.now();
    expect((await partitionOf(pod)).unread).toBeUndefined();
    expect(performance.now() - began).toBeLessThan(1_900);
  });

  it('show the lag during an outage, which is not reported in addition', async () => {
    const log = new MemoryLog({ partitions: 1 });
    const pod = await start(log);
    log.stop();
    await until(async () => expect((await partitionOf(pod)).lag).toBeGreaterThan(1_800));
    expect((await partitionOf(pod)).problem).toBe('the log cannot be reached');
    expect(noticesOf(pod, 'behind')).toEqual([]);
  });

  it('count interruptions of a reader, each with a notice', async () => {
    const log = new MemoryLog();
    const { pod, adapter } = connect(log);
    await pod.start();
    adapter.endReader(2, 'the leader moved', false);
    expect(noticesOf(pod, 'interrupted')).toEqual([{ kind: 'interrupted', partition: 2, reason: 'the leader moved' }]);
    expect((await partitionOf(pod, 2)).interruptions).toBe(1);
    expect((await partitionOf(pod, 1)).interruptions).toBe(0);
  });

  it('count lost connections that are back, each with one notice', async () => {
    const log = new MemoryLog();
    const pod = await start(log);
    log.cut();
    await until(() => expect(noticesOf(pod, 'reconnected')).toHaveLength(1));
    expect(noticesOf(pod, 'reconnected')[0]).toMatchObject({ reason: 'the log cannot be reached' });
    expect(noticesOf(pod, 'interrupted')).toEqual([]);
    expect((await pod.broker.stats()).reconnects).toBe(1);
  });
});

describe('a loss is counted once in each pod, with its cause:', () => {
  const LOSSES = { truncated: 0, recreated: 0, trimmed: 0, digest: 0, expired: 0, other_pod: 0 };

  /** How many losses of a pod have one of the causes. All are in the notices, too. */
  async function losses(pod: Pod, ...causes: readonly (keyof typeof LOSSES)[]): Promise<number> {
    const { losses: counted } = await statsOf(pod);
    const notices = noticesOf(pod, 'loss');
    for (const [cause, count] of Object.entries(counted)) {
      expect(notices.filter(({ loss }) => loss === cause)).toHaveLength(count);
    }
    return causes.reduce((sum, cause) => sum + counted[cause], 0);
  }

  it('none at the start, at which the partitions are created, nor when the log was only away', async () => {
    const log = new MemoryLog({ partitions: 2 });
    const here = await start(log);
    const there = await start(log);
    expect(noticesOf(here, 'created').map(({ partition }) => partition)).toEqual([0, 1]);
    expect(noticesOf(there, 'created')).toEqual([]);
    log.stop();
    await until(() => expect(there.broker.health().status).toBe('down'));
    log.run();
    for (const pod of [here, there]) {
      await until(() => expect(pod.broker.health().status).toBe('up'));
      expect((await statsOf(pod)).losses).toEqual(LOSSES);
      expect(noticesOf(pod, 'loss')).toEqual([]);
    }
  });

  it('the latest entries are gone', async () => {
    const log = new MemoryLog({ partitions: 1 });
    const [here, there] = [await start(log), await start(log)];
    await here.publishMany(CHANNEL, 20);
    log.stop();
    log.truncate(0, 10);
    log.run();
    for (const pod of [here, there]) {
      // The faster one may begin the log again before the other one has looked.
      await until(async () => expect(await losses(pod, 'truncated', 'other_pod')).toBe(1));
    }
    expect((await losses(here, 'truncated')) + (await losses(there, 'truncated'))).toBeGreaterThan(0);
  });

  it('the log was deleted and created again', async () => {
    const log = new MemoryLog({ partitions: 2 });
    const here = await start(log);
    await here.publishMany(CHANNEL, 3);
    log.stop();
    log.recreate();
    log.run();
    await until(async () => expect(await losses(here, 'recreated')).toBe(2));
    expect((await statsOf(here)).losses).toEqual({ ...LOSSES, recreated: 2 });
  });

  it('retention was faster than the pod', async () => {
    const log = new MemoryLog({ partitions: 1, heartbeat: 10 });
    const here = await start(log);
    const { pod: there, adapter } = connect(log);
    await there.start();
    adapter.hang();
    await until(() => expect(there.broker.health().status).toBe('down'));
    const { next } = log.bounds(0);
    await here.publishMany(CHANNEL, 5);
    await until(() => {
      const later = log.read(0, { offset: next + 5 }, 1e6);
      expect(later.some(({ data }) => recordsOf(data).some(({ kind }) => kind === 'state'))).toBe(true);
    });
    log.trim(0, next + 1);
    adapter.resume();
    await until(async () => expect(await losses(there, 'trimmed')).toBe(1));
    expect((await statsOf(here)).losses).toEqual(LOSSES);
  });

  it('a pod has read something else than the others, which its digests show', async () => {
    const log = new MemoryLog({ partitions: 1 });
    const here = await start(log);
    const { pod: there, adapter } = connect(log);
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
    await there.start();
    await here.publish(CHANNEL, 'hidden');
    for (const pod of [here, there]) {
      await until(async () => expect(await losses(pod, 'digest', 'other_pod')).toBeGreaterThan(0));
    }
    const differed = [await partitionOf(here), await partitionOf(there)].map(({ digestsDiffered }) => digestsDiffered);
    expect(Math.max(...differed)).toBeGreaterThan(0);
    expect((await losses(here, 'digest')) + (await losses(there, 'digest'))).toBeGreaterThan(0);
  });
});

describe('a snapshot', () => {
  it('that cannot be written is noticed, and once more when the latest one is older than the window', async () => {
    const log = new MemoryLog({ partitions: 1 });
    log.fate = (_, data) => (recordsOf(data).some(({ kind }) => kind === 'state') ? 'refused' : 'stored');
    const pod = await start(log, { ...QUICK, window: 1_000 });
    await pod.publish(CHANNEL, 'x');
    await until(() => expect(noticesOf(pod, 'snapshot-failed').length).toBeGreaterThan(0));
    await until(() => expect(noticesOf(pod, 'snapshot-overdue')).toMatchObject([{ partition: 0 }]));
    expect((await partitionOf(pod)).snapshotAge).toBeGreaterThan(1_000);
    log.fate = () => 'stored';
    await until(async () => expect((await partitionOf(pod)).snapshotAge).toBeLessThan(1_000));
    expect(noticesOf(pod, 'snapshot-overdue')).toHaveLength(1);
  });
});
