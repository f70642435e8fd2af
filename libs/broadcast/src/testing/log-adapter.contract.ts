import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogUnavailableError, type LogAdapter, type LogOffset } from '../log/log-adapter.js';
import { describeLogFaults } from './log-adapter-faults.contract.js';
import { LogFollower } from './log-follower.js';
import { until } from './pod.js';

/** A server with a log, and what can be done to it. A fault that is left out is not tested. */
export interface LogServer {
  /** Another pod's adapter, not started yet. All of them use the same log. */
  connect(): LogAdapter;
  /** Called after the adapters have been closed. */
  close(): Promise<void>;
  /** Closes the connections of all adapters. They can connect again at once. */
  cut?(): Promise<void>;
  /** Stops the server, or makes it unreachable. */
  stop?(): Promise<void>;
  /** Makes it reachable again, with its data. */
  run?(): Promise<void>;
  /** Stops answering, but keeps connections and what they send. */
  hang?(): Promise<void>;
  /** Ends {@link hang}. */
  resume?(): Promise<void>;
  /** Deletes the log. `open` creates it again, or this does. */
  recreate?(): Promise<void>;
  /** Loses the last entries of a partition, although they were acknowledged. Their offsets are used again. */
  truncate?(partition: number, count: number): Promise<void>;
  /** Drops the entries before an offset, as retention does. */
  trim?(partition: number, before: LogOffset): Promise<void>;
}

/** Adapters of one server, new for each test, all of them open. */
export interface LogCluster {
  readonly server: LogServer;
  readonly here: LogFollower;
  readonly there: LogFollower;
}

/**
 * Defines the tests of the LogAdapter contract; each adapter calls it in a `*.spec.ts`.
 *
 * @param open called for each test; the log must be empty, and have at least two partitions.
 */
export function describeLogAdapter(name: string, open: () => LogServer | Promise<LogServer>): void {
  describe(`${name}, a log adapter,`, () => {
    const cluster = useLogCluster(open);
    describeReading(cluster);
    describeAppending(cluster);
    describeBounds(cluster);
    describeClosing(cluster);
    describeLogFaults(cluster);
  });
}

function useLogCluster(open: () => LogServer | Promise<LogServer>): LogCluster {
  let current: LogCluster | undefined;

  beforeEach(async () => {
    const server = await open();
    const [here, there] = [new LogFollower(server.connect()), new LogFollower(server.connect())];
    current = { server, here, there };
    await here.start();
    await there.start();
  });
  afterEach(async () => {
    if (current === undefined) return;
    const { server, here, there } = current;
    current = undefined;
    await Promise.all([here, there].map(async ({ adapter }) => adapter.close()));
    await server.close();
  });

  const present = (): LogCluster => {
    if (current === undefined) throw new Error('adapters only exist while a test runs');
    return current;
  };
  return {
    get server() {
      return present().server;
    },
    get here() {
      return present().here;
    },
    get there() {
      return present().there;
    },
  };
}

function describeReading(cluster: LogCluster): void {
  it('delivers entries in order and once, with the same offsets to every reader', async () => {
    const { here, there } = cluster;
    here.tail('first');
    const sent = numbers('a', 40);
    await here.appendAll(sent.slice(0, 20));
    there.tail('first');
    await there.appendAll(sent.slice(20));
    const [one, other] = [await here.reads(sent), await there.reads(sent)];
    const offsets = one.map(({ offset }) => offset);
    expect(other.map(({ offset }) => offset)).toEqual(offsets);
    expect(offsets.every((offset) => Number.isSafeInteger(offset))).toBe(true);
    expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
    expect(one.every(({ data }) => data instanceof Uint8Array)).toBe(true);
  });

  it('begins with the first entry, after the last one, at an offset, and in a hole', async () => {
    const { here, there } = cluster;
    const sent = numbers('a', 7);
    await here.appendAll(sent);
    there.tail('first');
    const offsets = (await there.reads(sent)).map(({ offset }) => offset);
    for (const [index, offset] of offsets.entries()) {
      there.tail({ offset });
      await there.reads(sent.slice(index));
      // Right after an entry: the next one, or a hole before it, or the end of the log.
      there.tail({ offset: offset + 1 });
      await there.reads(sent.slice(index + 1));
    }
    there.tail('next');
    // Without bounds nothing says when the reader has begun.
    await until(async () => {
      await here.append('later');
      expect(there.texts().length).toBeGreaterThan(0);
    });
    expect(new Set(there.texts())).toEqual(new Set(['later']));
  });

  it('begins beyond the end of the log, and delivers what is appended there later', async () => {
    const { here, there } = cluster;
    await here.appendAll(['a1', 'a2']);
    there.tail('first');
    const last = (await there.reads(['a1', 'a2'])).at(-1)?.offset ?? 0;
    there.tail({ offset: last + 1 });
    await here.append('a3');
    expect(await there.reads(['a3'])).toHaveLength(1);
  });

  it('begins at a time', async ({ skip }) => {
    const { here, there } = cluster;
    skip(!here.adapter.traits.clock, 'entries have no time');
    const sent = numbers('a', 6);
    for (const text of sent) {
      await here.append(text);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    there.tail('first');
    const times = (await there.reads(sent)).map(({ time }) => time ?? NaN);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const time = times[3] ?? NaN;
    const expected = sent.filter((_, index) => (times[index] ?? 0) >= time);
    there.tail({ time });
    await there.reads(expected);
    there.tail({ time: (times.at(-1) ?? NaN) + 60_000 });
    await here.append('later');
    await until(() => expect(there.texts().filter((text) => text !== 'later')).toEqual([]));
  });

  it('begins again elsewhere, without entries of the former reader', async () => {
    const { here, there } = cluster;
    const sent = numbers('a', 200);
    await Promise.all(chunks(sent, 10).map(async (chunk) => there.append(chunk.join(' '))));
    here.tail('first');
    await until(() => expect(here.texts()).toHaveLength(20));
    const entries = [...here.entries()];
    for (const start of [15, 3, 11, 0, 7]) {
      here.tail({ offset: entries[start]?.offset ?? 0 });
      // The former reader may be in the middle of its work.
      if (start % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await until(() =>
      expect(here.entries().map(({ offset }) => offset)).toEqual(entries.slice(7).map(({ offset }) => offset)),
    );
  });

  it('reads apart from the tail: from anywhere, up to a limit', async () => {
    const { here, there } = cluster;
    const sent = numbers('a', 8);
    expect(await there.read('first', 10)).toEqual([]);
    await here.appendAll(sent);
    there.tail('first');
    const offsets = (await there.reads(sent)).map(({ offset }) => offset);
    // Other entries, such as control records, may lie between them.
    expect(sent.slice(0, 3)).toEqual(expect.arrayContaining(await there.read('first', 3)));
    expect(await there.read('first', 100)).toEqual(sent);
    expect(await there.read({ offset: offsets[5] ?? 0 }, 1)).toEqual([sent[5]]);
    expect(await there.read({ offset: offsets[5] ?? 0 }, 100)).toEqual(sent.slice(5));
    expect(await there.read({ offset: (offsets.at(-1) ?? 0) + 1 }, 100)).toEqual([]);
    expect(await there.read('next', 100)).toEqual([]);
    await here.append('a9');
    await there.reads([...sent, 'a9']);
  });
}

function describeAppending(cluster: LogCluster): void {
  it('keeps partitions apart', async () => {
    const { here, there } = cluster;
    const last = here.adapter.partitions - 1;
    expect(last).toBeGreaterThan(0);
    expect(there.adapter.partitions - 1).toBe(last);
    for (const partition of [0, last]) there.tail('first', partition);
    await Promise.all([here.appendAll(numbers('a', 20), 0), here.appendAll(numbers('b', 20), last)]);
    await there.reads(numbers('a', 20), 0);
    await there.reads(numbers('b', 20), last);
  });

  it('keeps the order of the appends that may be under way at once', async () => {
    const { here, there } = cluster;
    const { appendsAtOnce } = here.adapter.traits;
    expect(appendsAtOnce).toBeGreaterThanOrEqual(1);
    there.tail('first');
    const sent = numbers('a', 60);
    for (const chunk of chunks(sent, appendsAtOnce)) await Promise.all(chunk.map(async (text) => here.append(text)));
    expect(await there.reads(sent)).toHaveLength(60);
  });

  it.each(['one byte', 'the largest size'])('carries any bytes: %s', async (size) => {
    const { here, there } = cluster;
    const { maxEntry } = here.adapter.traits;
    expect(maxEntry).toBeGreaterThanOrEqual(65_536);
    const data = Buffer.alloc(size === 'one byte' ? 1 : maxEntry, Buffer.from([0, 255, 10, 13, 128, 7]));
    there.tail('first');
    await here.adapter.append(0, data, AbortSignal.timeout(10_000));
    await until(() => expect(there.entries()).toHaveLength(1));
    expect(Buffer.from(there.entries()[0]?.data ?? []).equals(data)).toBe(true);
  });

  it('does nothing if the signal has aborted already', async () => {
    const { here, there } = cluster;
    const { signal } = abortedController();
    await expect(here.adapter.append(0, Buffer.from('x'), signal)).rejects.toThrow(LogUnavailableError);
    await expect(here.adapter.read(0, 'first', 1, signal)).rejects.toThrow(LogUnavailableError);
    await expect(here.adapter.open(signal)).rejects.toThrow(LogUnavailableError);
    await here.append('a1');
    expect(await there.read('first', 10)).toEqual(['a1']);
  });
}

function describeBounds(cluster: LogCluster): void {
  it('knows where a partition begins and ends, after every acknowledged append of any pod', async ({ skip }) => {
    const { here, there } = cluster;
    skip(!here.adapter.traits.bounds, 'the server does not know its bounds');
    const bounds = async (): Promise<{ first: number; next: number; incarnation: string | undefined }> =>
      there.adapter.bounds(0, AbortSignal.timeout(10_000));
    const empty = await bounds();
    expect(empty.first).toBe(empty.next);
    here.tail('first');
    for (let number = 1; number <= 20; number += 1) {
      await here.append(`a${number}`);
      const { next } = await bounds();
      await here.reads(numbers('a', number));
      expect(next).toBeGreaterThan(here.entries().at(-1)?.offset ?? Infinity);
    }
    const full = await bounds();
    expect(full.first).toBeLessThanOrEqual(here.entries()[0]?.offset ?? -1);
    expect(full.incarnation).toBe(empty.incarnation);
    expect(await here.adapter.bounds(0, AbortSignal.timeout(10_000))).toEqual(full);
  });

  it('opens again without effect', async () => {
    const { here, there } = cluster;
    here.tail('first');
    await there.append('a1');
    await here.open();
    await there.open();
    await there.append('a2');
    expect(await here.reads(['a1', 'a2'])).toHaveLength(2);
  });
}

function describeClosing(cluster: LogCluster): void {
  it('reports nothing after it is closed, and refuses every call', async () => {
    const { here, there } = cluster;
    here.tail('first');
    await there.append('a1');
    await here.reads(['a1']);
    await here.adapter.close();
    const problems = here.problems.length;
    await there.append('a2');
    expect(await there.read('first', 10)).toEqual(['a1', 'a2']);
    expect(here.texts()).toEqual(['a1']);
    expect(here.interruptions).toEqual([]);
    expect(here.problems).toHaveLength(problems);
    const signal = AbortSignal.timeout(10_000);
    await expect(here.adapter.append(0, Buffer.from('x'), signal)).rejects.toThrow(LogUnavailableError);
    await expect(here.adapter.read(0, 'first', 1, signal)).rejects.toThrow(LogUnavailableError);
    await expect(here.adapter.open(signal)).rejects.toThrow(LogUnavailableError);
    if (here.adapter.traits.bounds) await expect(here.adapter.bounds(0, signal)).rejects.toThrow(LogUnavailableError);
  });

  it('settles what is under way when it is closed', async () => {
    const { here } = cluster;
    const signal = AbortSignal.timeout(10_000);
    const calls = [
      here.adapter.append(0, Buffer.from('x'), signal),
      here.adapter.read(0, 'first', 1, signal),
      here.adapter.open(signal),
    ];
    const settled = Promise.allSettled(calls);
    await here.adapter.close();
    expect(await settled).toHaveLength(calls.length);
  });
}

export function numbers(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

function abortedController(): AbortController {
  const controller = new AbortController();
  controller.abort();
  return controller;
}
