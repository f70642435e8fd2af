import { afterEach, describe, expect, it, vi } from 'vitest';
import { MemoryLog } from '../../testing/memory-log/memory-log.js';
import type { MemoryLogAdapter } from '../../testing/memory-log/memory-log-adapter.js';
import { LASTING, Pod, until } from '../../testing/pod.js';
import { LogBroker } from '../log-broker.js';
import { decodeEntry } from '../records/entry-codec.js';
import type { LogRecord } from '../records/records.js';
import { Beacons } from './beacons.js';

const CHANNEL = 'news:today';
const ANN = { client: 'ann', details: '{}' };
/** Everything that takes minutes by default. */
const QUICK = { beaconInterval: 100, snapshotInterval: 100, linger: 50 };

let pods: Pod[] = [];
afterEach(async () => {
  await Promise.all(pods.map(async (pod) => pod.close()));
  pods = [];
  vi.restoreAllMocks();
  vi.doUnmock('../fold/rules.js');
  vi.resetModules();
});

async function start(log: MemoryLog, Release = LogBroker): Promise<{ pod: Pod; adapter: MemoryLogAdapter }> {
  const adapter = log.connect();
  const pod = new Pod(new Release(adapter, QUICK));
  pods.push(pod);
  await pod.start();
  return { pod, adapter };
}

/** The records of one kind, with their authors. */
function recordsOf<Kind extends LogRecord['kind']>(log: MemoryLog, kind: Kind): { pod: string; record: LogRecord }[] {
  return log.read(0, 'first', 1e6).flatMap(({ data }) => {
    const decoded = decodeEntry(data);
    if (decoded.kind !== 'entry') return [];
    const { pod, records } = decoded.entry;
    return records.filter((record) => record.kind === kind).map((record) => ({ pod, record }));
  });
}

/** Resolves when two pods have each written more of these records. */
async function untilBothWrite(log: MemoryLog, kind: LogRecord['kind']): Promise<void> {
  const { length } = recordsOf(log, kind);
  await until(() =>
    expect(
      new Set(
        recordsOf(log, kind)
          .slice(length)
          .map(({ pod }) => pod),
      ).size,
    ).toBe(2),
  );
}

describe('two pods that both consider themselves the keeper', () => {
  it('write snapshots and digests, and declare others dead: everything has its effect once', async () => {
    vi.spyOn(Beacons.prototype, 'isKeeper', 'get').mockReturnValue(true);
    const log = new MemoryLog({ partitions: 1 });
    const [{ pod: here }, { pod: there }] = [await start(log), await start(log)];
    for (const { broker } of [here, there]) await broker.subscribe(CHANNEL, LASTING);
    const { pod: dying, adapter } = await start(log);
    await dying.broker.join(CHANNEL, ANN, 'h1');
    const writing = { isOver: false };
    const published = (async () => {
      let last = 0;
      while (!writing.isOver) last = (await here.publish(CHANNEL, 'x')).offset;
      return last;
    })();
    // As if its process were killed.
    await adapter.close();
    await until(() => expect([...here.late, ...there.late]).toEqual([`${CHANNEL} leave ann {} of 0`]));
    await untilBothWrite(log, 'state');
    await untilBothWrite(log, 'digest');
    writing.isOver = true;
    const last = await published;

    const { pod: late } = await start(log);
    expect((await late.broker.subscribe(CHANNEL, LASTING)).offset).toBe(last);
    expect((await late.broker.members(CHANNEL, { limit: 1 })).count).toBe(0);
    for (const pod of [here, there]) {
      await until(() => expect(pod.delivered(CHANNEL).map(({ offset }) => offset)).toEqual(numbers(last)));
      expect(pod.gaps).toEqual([]);
      expect(pod.presence).toEqual([`${CHANNEL} + ann {}`, `${CHANNEL} - ann {}`]);
      expect([...here.late, ...there.late]).toHaveLength(1);
      expect(pod.faults).toEqual([]);
    }
  });

  it('begin one era together if the log was emptied', async () => {
    vi.spyOn(Beacons.prototype, 'isKeeper', 'get').mockReturnValue(true);
    const log = new MemoryLog({ partitions: 1 });
    const both = [(await start(log)).pod, (await start(log)).pod] as const;
    for (const { broker } of both) await broker.subscribe(CHANNEL, LASTING);
    await both[0].publish(CHANNEL, 'x');
    log.recreate();
    for (const { gaps } of both) await until(() => expect(gaps.length).toBeGreaterThan(0));
    await until(async () => expect(await both[0].publish(CHANNEL, 'y')).toMatchObject({ duplicate: false }));
    const { epoch, offset } = await both[1].broker.history(CHANNEL, { limit: 0 });
    for (const pod of both) {
      await until(() => expect(pod.delivered(CHANNEL).at(-1)).toMatchObject({ offset, payload: 'y' }));
      expect(pod.gaps.at(-1)).toContain(epoch);
      expect(await pod.broker.history(CHANNEL, { limit: 0 })).toMatchObject({ epoch });
    }
  });
});

async function laterRelease(): Promise<typeof LogBroker> {
  vi.resetModules();
  vi.doMock('../fold/rules.js', () => ({ RULES: 2 }));
  return (await import('../log-broker.js')).LogBroker;
}

describe('a later release with other rules', () => {
  it('keeps to the former rules while a pod needs them, and switches when the last of these has stopped', async () => {
    const log = new MemoryLog({ partitions: 1 });
    const { pod: former } = await start(log);
    const Later = await laterRelease();
    const [{ pod: later }, { pod: another }] = [await start(log, Later), await start(log, Later)];
    for (const { broker } of [former, later, another]) await broker.subscribe(CHANNEL, LASTING);
    const { length } = recordsOf(log, 'beacon');
    await until(() => expect(recordsOf(log, 'beacon').length).toBeGreaterThan(length + 15));
    expect(recordsOf(log, 'rules')).toEqual([]);
    for (const pod of [former, later, another]) await pod.publish(CHANNEL, 'x');
    await until(() => expect(former.delivered(CHANNEL)).toHaveLength(3));
    expect(former.broker.health()).toEqual({ status: 'up' });

    await former.close();
    await until(() =>
      expect(recordsOf(log, 'rules').map(({ record }) => record)).toContainEqual({ kind: 'rules', version: 2 }),
    );
    const { offset } = await later.publish(CHANNEL, 'after');
    expect(offset).toBe(4);
    await until(() => expect(another.delivered(CHANNEL).at(-1)).toMatchObject({ offset, payload: 'after' }));
    for (const { gaps, broker } of [later, another]) {
      expect(gaps).toEqual([]);
      expect(broker.health()).toEqual({ status: 'up' });
    }
  });

  it('is noticed by a pod of the former one that starts after the switch: it is not healthy', async () => {
    const log = new MemoryLog({ partitions: 1 });
    await start(log, await laterRelease());
    await until(() => expect(recordsOf(log, 'rules')).not.toEqual([]));
    const former = new Pod(new LogBroker(log.connect(), QUICK));
    pods.push(former);
    await former.broker.start(former);
    await until(() => expect(former.broker.health()).toMatchObject({ reason: expect.stringMatching(/newer release/) }));
  });
});

function numbers(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
