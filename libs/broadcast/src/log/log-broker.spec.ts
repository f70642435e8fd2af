import { describe, expect, it } from 'vitest';
import { BrokerUnavailableError, BrokerUnknownError } from '../errors.js';
import type { PlainFormat, PlainPolicy } from '../plain-messages.js';
import { Load, Subscriber } from '../testing/load.js';
import { connect, QUICK, start } from '../testing/memory-log/log-pods.js';
import { MemoryLog, type Fate, type MemoryLogOptions } from '../testing/memory-log/memory-log.js';
import { LASTING, until } from '../testing/pod.js';
import { LogBroker } from './log-broker.js';
import { partitionOf } from './partition-of.js';
import { decodeEntry, encodeEntry } from './records/entry-codec.js';
import { Stopwatch } from '../testing/stopwatch.js';

const CHANNEL = 'news:today';
const ANN = { client: 'ann', details: '{}' };

/** The partitions of a log. */
function partitions({ options }: MemoryLog): number[] {
  return Array.from({ length: options.partitions }, (_, index) => index);
}

/** Drops everything that was stored so far. */
function trim(log: MemoryLog): void {
  for (const index of partitions(log)) log.trim(index, log.read(index, 'first', 1e6).at(-1)?.offset ?? 0);
}

/** Resolves when a snapshot of every partition was written after the call. */
async function snapshots(log: MemoryLog): Promise<void> {
  const size = partitions(log).map((index) => log.bounds(index).next);
  await until(() => {
    for (const index of partitions(log)) {
      const later = log.read(index, { offset: size[index] ?? 0 }, 1e6);
      expect(later.some(({ data }) => Buffer.from(data).includes('news:'))).toBe(true);
    }
  });
}

describe('a pod that starts late', () => {
  it.each<[string, MemoryLogOptions]>([
    ['', {}],
    [' without bounds', { bounds: false, clock: false }],
  ])('knows positions, keys, members and connections from a snapshot%s', async (_, options) => {
    const log = new MemoryLog({ ...options, partitions: 1 });
    const here = await start(log);
    await here.broker.subscribe(CHANNEL, LASTING);
    const key = { publisher: 'p', key: 'k', fingerprint: 'f', window: 600_000 };
    const first = await here.publish(CHANNEL, 'first', {}, key);
    const last = await here.publishMany(CHANNEL, 300);
    await here.broker.join(CHANNEL, ANN, 'h1');
    await here.broker.register({ client: 'ann', holder: 'h1', user: 'ann', node: 'n', since: 1 });
    await snapshots(log);
    const late = await start(log);
    expect(await late.broker.subscribe(CHANNEL, LASTING)).toEqual(last);
    expect(await late.publish(CHANNEL, 'first', {}, key)).toEqual({ ...first, duplicate: true });
    expect(await late.offsets(CHANNEL, { reverse: true, limit: 2 })).toEqual([301, 300]);
    expect(await late.broker.members(CHANNEL, { limit: 10 })).toEqual({ members: [ANN], count: 1 });
    expect(await late.broker.connections('ann')).toMatchObject([{ client: 'ann', since: 1 }]);
    expect(await late.broker.channels({ limit: 10 })).toEqual([CHANNEL]);
    expect(await late.publish(CHANNEL, 'x')).toMatchObject({ epoch: last.epoch, offset: 302 });
    await until(() => expect(here.delivered(CHANNEL).at(-1)).toMatchObject({ offset: 302 }));
    expect(here.gaps).toEqual([]);
  });

  it('restores a snapshot of many entries in steps, and reads what is written meanwhile', async () => {
    const log = new MemoryLog({ partitions: 1 });
    const here = await start(log);
    const names = Array.from({ length: 5_000 }, (_, index) => `news:${index}`);
    await Promise.all(names.map(async (name) => here.publish(name, 'x')));
    const crowd = Array.from({ length: 1_000 }, (_, index) => ({ client: `${index}`, details: 'x'.repeat(100) }));
    await Promise.all(crowd.map(async (member) => here.broker.join(CHANNEL, member, 'h')));
    // Nothing else leads to the state.
    trim(log);
    const { pod: late } = connect(log);
    const starting = late.start();
    let published = 0;
    do await here.publish(CHANNEL, `${(published += 1)}`);
    while (late.broker.health().status !== 'up' && late.faults.length === 0);
    await starting;
    expect((await late.broker.subscribe(CHANNEL, LASTING)).offset).toBe(published);
    expect(await late.publish('news:4999', 'x')).toMatchObject({ offset: 2 });
    expect((await late.broker.members(CHANNEL, { limit: 1 })).count).toBe(crowd.length);
    expect(late.faults).toEqual([]);
  });

  it('has the history of the whole window, although later snapshots exist, and begins no further back', async () => {
    const log = new MemoryLog({ partitions: 1 });
    const here = await start(log, { ...QUICK, window: 1_500 });
    await here.publishMany(CHANNEL, 300);
    await snapshots(log);
    // Since the era began, as that is not longer ago.
    const early = await start(log, { ...QUICK, window: 1_500 });
    expect(await early.offsets(CHANNEL, { limit: 2 })).toEqual([1, 2]);
    const recent = await here.publishMany(CHANNEL, 3);
    for (let round = 0; round < 4; round += 1) await snapshots(log);
    const late = await start(log, { ...QUICK, window: 1_500 });
    const since = { epoch: recent.epoch, offset: recent.offset - 3 };
    const { publications, complete } = await late.broker.history(CHANNEL, { since, limit: 10 });
    expect(complete).toBe(true);
    expect(publications.map(({ offset }) => offset)).toEqual([301, 302, 303]);
    // What is older than the window is not read again.
    await until(async () => {
      await here.publish('news:other', 'x');
      const pointers = log.read(0, 'first', 1e6).flatMap(({ data }) => {
        const decoded = decodeEntry(data);
        return decoded.kind === 'entry' ? decoded.entry.records : [];
      });
      const last = pointers.findLast((record) => record.kind === 'digest');
      expect(last?.kind === 'digest' ? last.snapshots.length : 0).toBeGreaterThan(2);
      expect(last?.kind === 'digest' ? (last.snapshots.at(-1) ?? 0) : 0).toBeGreaterThan(300);
    });
  });

  it('asks the others for a snapshot if retention has left none, and nothing begins again', async () => {
    const log = new MemoryLog({ partitions: 1 });
    const here = await start(log, { ...QUICK, snapshotInterval: 600_000 });
    const last = await here.publishMany(CHANNEL, 3);
    trim(log);
    const late = await start(log);
    expect(await late.broker.subscribe(CHANNEL, LASTING)).toEqual(last);
    expect(here.gaps).toEqual([]);
  });

  it('begins a new era if nobody knows the state any more', async () => {
    const log = new MemoryLog({ partitions: 1 });
    const here = await start(log, { ...QUICK, snapshotInterval: 600_000 });
    const last = await here.publishMany(CHANNEL, 3);
    await here.close();
    trim(log);
    const late = await start(log);
    const { epoch, offset } = await late.publish(CHANNEL, 'x');
    expect(offset).toBe(1);
    expect(epoch).not.toBe(last.epoch);
    expect(late.notices).toEqual([{ kind: 'loss', partition: 0, loss: 'expired' }]);
  });

  it('asks the others if the log was emptied under them, also if it is the first of them, and nothing begins again', async () => {
    const log = new MemoryLog({ partitions: 2 });
    const here = await start(log, { ...QUICK, beaconInterval: 60_000 });
    await here.broker.subscribe(CHANNEL, LASTING);
    const last = await here.publishMany(CHANNEL, 3);
    // Of several pods with random names, one is probably the keeper, although it does not know the state yet.
    for (let pod = 0; pod < 3; pod += 1) {
      for (const partition of partitions(log)) log.trim(partition, log.bounds(partition).next);
      const late = await start(log, { ...QUICK, beaconInterval: 60_000 });
      expect(await late.broker.subscribe(CHANNEL, LASTING)).toEqual(last);
    }
    expect(here.gaps).toEqual([]);
  });
});

describe('a pod', () => {
  it('that was cut off for longer than retention reports a gap, and nothing begins again', async () => {
    const log = new MemoryLog({ partitions: 1, heartbeat: 10 });
    const here = await start(log);
    const { pod: there, adapter } = connect(log);
    await there.start();
    for (const { broker } of [here, there]) await broker.subscribe(CHANNEL, LASTING);
    await here.publish(CHANNEL, 'x');
    await until(() => expect(there.delivered(CHANNEL)).toHaveLength(1));
    adapter.hang();
    const position = await here.publishMany(CHANNEL, 5);
    await snapshots(log);
    trim(log);
    adapter.resume();
    await until(() => expect(there.gaps).toEqual([`${CHANNEL} ${position.epoch} ${position.offset}`]));
    await here.publish(CHANNEL, 'later');
    await until(() => expect(there.delivered(CHANNEL).at(-1)).toMatchObject({ payload: 'later' }));
    expect(here.gaps).toEqual([]);
  });

  it('that is considered dead although it is alive continues under another name, with everything that it has', async () => {
    const log = new MemoryLog({ heartbeat: 10 });
    const here = await start(log);
    const { pod: there, adapter } = connect(log);
    await there.start();
    for (const { broker } of [here, there]) await broker.subscribe(CHANNEL, LASTING);
    await there.broker.join(CHANNEL, ANN, 'h1');
    await there.broker.register({ client: 'ann', holder: 'h1', user: 'ann', node: 'n', since: 1 });
    adapter.hang();
    await until(() => expect(here.late).toEqual([`${CHANNEL} leave ann {} of 0`]));
    await until(async () => expect(await here.broker.connections('ann')).toEqual([]));
    adapter.resume();
    await until(() => expect(there.late).toEqual([`${CHANNEL} join ann {} of 1`]));
    await until(async () => expect(await here.broker.connections('ann')).toMatchObject([{ client: 'ann' }]));
    expect(here.presence).toEqual([`${CHANNEL} + ann {}`, `${CHANNEL} - ann {}`, `${CHANNEL} + ann {}`]);
    await here.publish(CHANNEL, 'x');
    await until(() => expect(there.delivered(CHANNEL)).toHaveLength(1));
    expect(there.gaps).toEqual([]);
    // It keeps its members when another pod stops.
    await here.close();
    expect((await there.broker.members(CHANNEL, { limit: 10 })).count).toBe(1);
  });

  it('that dies is swept: its members leave late, and its channels and connections end', async () => {
    const log = new MemoryLog();
    const here = await start(log);
    const { pod: there, adapter } = connect(log);
    await there.start();
    await here.broker.subscribe(CHANNEL, LASTING);
    await there.broker.subscribe('only there', LASTING);
    await there.broker.join(CHANNEL, ANN, 'h1');
    // As if its process were killed.
    await adapter.close();
    await until(() => expect(here.late).toEqual([`${CHANNEL} leave ann {} of 0`]));
    await until(async () => expect(await here.broker.channels({ limit: 10 })).toEqual([CHANNEL]));
    expect(here.presence).toEqual([`${CHANNEL} + ann {}`, `${CHANNEL} - ann {}`]);
  });

  it('considers nobody dead because connections are closed again and again', async () => {
    const log = new MemoryLog();
    const [here, there] = [await start(log, {}), await start(log, {})];
    await there.broker.join(CHANNEL, ANN, 'h1');
    for (let cuts = 0; cuts < 6; cuts += 1) {
      log.cut();
      for (const { broker } of [here, there]) await until(() => expect(broker.health()).toEqual({ status: 'up' }));
    }
    for (const pod of [here, there]) {
      await until(async () => expect((await pod.broker.members(CHANNEL, { limit: 10 })).count).toBe(1));
      expect(pod.late).toEqual([]);
    }
  });

  it('notices by the digests of others that it has read another log, and all begin again', async () => {
    const log = new MemoryLog({ partitions: 1 });
    const [here, there] = [await start(log), await start(log)];
    for (const { broker } of [here, there]) await broker.subscribe(CHANNEL, LASTING);
    await here.publishMany(CHANNEL, 5);
    await until(() => expect(there.delivered(CHANNEL)).toHaveLength(5));
    // Nobody is notified, and the readers wait beyond the end of the log.
    log.truncate(0, 4, true);
    for (const { gaps } of [here, there]) await until(() => expect(gaps.length).toBeGreaterThanOrEqual(1));
    await until(async () => expect(await here.publish(CHANNEL, 'x')).toMatchObject({ duplicate: false }));
    const { epoch, offset } = await here.broker.history(CHANNEL, { limit: 0 });
    for (const pod of [here, there]) {
      await until(() => expect(pod.delivered(CHANNEL).at(-1)).toMatchObject({ offset, payload: 'x' }));
      expect(pod.gaps.at(-1)).toContain(epoch);
    }
  });

  it('reports entries that are not its own, and goes on', async () => {
    const log = new MemoryLog();
    const here = await start(log);
    await here.broker.subscribe(CHANNEL, LASTING);
    for (const bytes of ['{}', '', '\u0000', 'x'.repeat(1_000)]) log.store(0, Buffer.from(bytes));
    await until(() => expect(here.invalid).toEqual(Array.from({ length: 3 }, () => 'message partition 0')));
    expect(await here.publish(CHANNEL, 'x')).toMatchObject({ offset: 1 });
    expect(here.faults).toEqual([]);
  });

  it('is not healthy if a later release writes what it does not understand', async () => {
    const log = new MemoryLog();
    const here = await start(log);
    log.store(1, encodeEntry({ pod: 'later', number: 1, clock: 1 }, [Buffer.from([250])]));
    await until(() =>
      expect(here.broker.health()).toMatchObject({
        reason: expect.stringMatching(/newer release.*\(partition 1 of 4\)/),
      }),
    );
    // What it would answer might be wrong, also on new connections.
    log.cut();
    const names = Array.from({ length: 20 }, (_, index) => `news:${index}`);
    const name = names.find((each) => partitionOf(each, log.options.partitions) === 1) ?? '';
    await expect(here.publish(name, 'x')).rejects.toThrow(BrokerUnavailableError);
    await expect(here.broker.history(name, { limit: 1 })).rejects.toThrow(BrokerUnavailableError);
  });

  it('is not healthy if the log has lost partitions, and ignores additional ones', async () => {
    const log = new MemoryLog({ partitions: 4 });
    const here = await start(log);
    const last = await here.publishMany(CHANNEL, 2);
    const fewer = new MemoryLog({ partitions: 2 });
    const more = new MemoryLog({ partitions: 8 });
    for (const other of [fewer, more]) {
      for (const index of partitions(other)) {
        if (index < 4) for (const { data } of log.read(index, 'first', 1e6)) other.store(index, data);
      }
    }
    const { pod } = connect(fewer);
    await pod.broker.start(pod);
    await until(() =>
      expect(pod.broker.health()).toMatchObject({ reason: 'the log has 2 partitions, but was begun with 4' }),
    );
    const there = await start(more);
    expect(await there.broker.subscribe(CHANNEL, LASTING)).toEqual(last);
  });
});

describe('under load,', () => {
  it.each<[string, MemoryLogOptions]>([
    ['', { delay: () => Math.random() * 3, appendsAtOnce: 3 }],
    [' without bounds and clock', { delay: () => Math.random() * 3, bounds: false, clock: false, holes: true }],
  ])(
    'nothing is lost or stored twice if appends are refused, forgotten, lost and stored twice%s',
    async (_, options) => {
      const log = new MemoryLog({ partitions: 2, ...options });
      const fates: Fate[] = ['refused', 'unacknowledged', 'lost', 'twice'];
      const [here, there] = [
        new Subscriber(new LogBroker(log.connect(), QUICK)),
        new Subscriber(new LogBroker(log.connect(), QUICK)),
      ];
      await here.start(['a', 'b', 'c']);
      await there.start(['a', 'b', 'c']);
      let count = 0;
      log.fate = () => {
        count += 1;
        return count % 20 === 0 ? (fates[(count / 20) % 4] ?? 'stored') : 'stored';
      };
      const load = new Load([here, there], ['a', 'b', 'c']);
      load.start();
      const hasEachStruck = (): boolean => count > 80;
      for (let round = 0; round < 12 || !hasEachStruck(); round += 1) {
        await load.flows();
        log.cut();
      }
      await load.flows();
      await load.stop();
      log.fate = () => 'stored';
      await load.check({ lossless: true });
      expect(hasEachStruck()).toBe(true);
      await Promise.all([here, there].map(async ({ broker }) => broker.close()));
    },
  );
});

describe('a call', () => {
  it('fails at once while the log is away, and is unknown when it was sent and not answered', async () => {
    const log = new MemoryLog({ partitions: 1, heartbeat: 60_000 });
    const here = await start(log);
    log.fate = () => 'lost';
    await expect(here.publish(CHANNEL, 'x')).rejects.toThrow(BrokerUnknownError);
    log.fate = () => 'refused';
    await until(async () => expect(here.publish(CHANNEL, 'x')).rejects.toThrow(BrokerUnavailableError));
    log.fate = () => 'stored';
    log.stop();
    const began = new Stopwatch();
    await expect(here.publish(CHANNEL, 'x')).rejects.toThrow(BrokerUnavailableError);
    expect(began.elapsed).toBeLessThan(500);
    log.run();
    await until(async () => expect(await here.publish(CHANNEL, 'x')).toMatchObject({ offset: 1 }));
  });

  it('with more than an entry can take is refused', async () => {
    const log = new MemoryLog({ maxEntry: 10_000 });
    const here = await start(log);
    const { maxPayload } = here.broker.capabilities;
    await expect(here.publish(CHANNEL, 'x'.repeat(10_001))).rejects.toThrow(/larger than an entry/);
    expect(await here.publish(CHANNEL, 'x'.repeat(maxPayload))).toMatchObject({ offset: 1 });
  });
});

describe('a plain message', () => {
  const format: PlainFormat = {
    namespaceOf: (channel) => (channel.includes(' ') ? undefined : (channel.split(':')[0] ?? '')),
    accepts: (_, key) => key !== 'refused',
    encode: (json) => `{"data":${json}}`,
  };
  const policy: PlainPolicy = {
    namespaces: { news: LASTING, closed: null },
    others: null,
    keyWindow: 60_000,
    maxPayload: 100,
  };

  it('is published by every pod alike, and what is not allowed or not valid is reported and never delivered', async () => {
    const log = new MemoryLog();
    const settings = { ...QUICK, plain: { format, policy } };
    const [here, there] = [await start(log, settings), await start(log, settings)];
    for (const { broker } of [here, there]) await broker.subscribe(CHANNEL, LASTING);
    const send = (body: string | Buffer, key?: string, channel = CHANNEL, from = channel): void =>
      log.store(partitionOf(from, log.options.partitions), new Uint8Array(), { channel, key, body: Buffer.from(body) });
    const elsewhere = ['a', 'b', 'c', 'd'].find(
      (name) => partitionOf(name, log.options.partitions) !== partitionOf(CHANNEL, log.options.partitions),
    );
    send('{ "text": "ä" }', '1');
    send('{"text":"ä"}', '1');
    send('{"text":"b"}', '1');
    send('{"text":');
    send(Buffer.from([0x22, 0xff, 0x22]));
    send('"x"', 'refused');
    send(`"${'x'.repeat(100)}"`);
    send(`"${'x'.repeat(91)}"`);
    send('"x"', undefined, 'closed:1');
    send('"x"', undefined, 'other:1');
    send('"x"', undefined, 'news :1');
    send('"x"', undefined, CHANNEL, elsewhere);
    send('2');
    for (const pod of [here, there]) {
      await until(() => expect(pod.delivered(CHANNEL).map(({ payload }) => payload)).toHaveLength(2));
      expect(pod.delivered(CHANNEL).map(({ offset, payload }) => [offset, payload])).toEqual([
        [1, '{"data":{"text":"ä"}}'],
        [2, '{"data":2}'],
      ]);
      await until(() => expect(pod.refused).toHaveLength(10));
      expect(pod.refused.toSorted()).toEqual(
        [
          'forbidden closed:1',
          'forbidden other:1',
          'invalid chat:lobby',
          'invalid_channel news :1',
          'key_conflict chat:lobby',
          'malformed chat:lobby',
          'malformed chat:lobby',
          'misplaced chat:lobby',
          'too_large chat:lobby',
          'too_large chat:lobby',
        ].map((line) => line.replace('chat:lobby', CHANNEL)),
      );
      expect([pod.invalid, pod.faults]).toEqual([[], []]);
    }
  });

  it('is allowed from the first entry of a new era on', async () => {
    const log = new MemoryLog();
    const pod = await start(log, { ...QUICK, beaconInterval: 600_000, plain: { format, policy } });
    await pod.broker.subscribe(CHANNEL, LASTING);
    const partition = partitionOf(CHANNEL, log.options.partitions);
    log.store(partition, new Uint8Array(), { channel: CHANNEL, key: undefined, body: Buffer.from('1') });
    await until(() => expect(pod.delivered(CHANNEL)).toHaveLength(1));
    expect(pod.refused).toEqual([]);
  });

  it('is refused in every pod by the configuration of the pod that keeps the log, until that one ends', async () => {
    const log = new MemoryLog();
    const one = await start(log, { ...QUICK, plain: { format, policy } });
    const other = await start(log, { ...QUICK, plain: { format, policy: { ...policy, namespaces: {} } } });
    await other.broker.subscribe(CHANNEL, LASTING);
    const partition = partitionOf(CHANNEL, log.options.partitions);
    const send = (): void =>
      log.store(partition, new Uint8Array(), { channel: CHANNEL, key: undefined, body: Buffer.from('1') });
    await one.close();
    // The other one keeps the log when this one counts as dead.
    await until(() => {
      send();
      expect(other.refused.at(-1)).toBe(`forbidden ${CHANNEL}`);
    });
    const before = other.delivered(CHANNEL).length;
    send();
    const refusals = other.refused.length;
    await until(() => expect(other.refused.length).toBeGreaterThan(refusals));
    expect(other.delivered(CHANNEL)).toHaveLength(before);
  });
});
