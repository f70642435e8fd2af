import { describe, expect, it } from 'vitest';
import { LogUnavailableError, LogUnknownError } from '../log/log-adapter.js';
import type { LogCluster } from './log-adapter.contract.js';
import { LogFollower, textOf } from './log-follower.js';
import { eventually } from './eventually.js';
import { Stopwatch } from './stopwatch.js';

/** ms within which a client notices that a server is gone, or hangs. */
const NOTICED_WITHIN = 8_000;
/** ms within which everything works again when the server is back. */
const BACK_WITHIN = 20_000;

export function describeLogFaults(cluster: LogCluster): void {
  describe('when the server fails', () => {
    it('interrupts the readers of connections that are closed; they continue without loss', async ({ skip }) => {
      const { server, here, there } = cluster;
      if (server.cut === undefined) return skip('connections of this server cannot be closed');
      here.tail('first');
      const sent: string[] = [];
      for (let round = 1; round <= 3; round += 1) {
        sent.push(await store(there, `before ${round}`));
        await server.cut();
        sent.push(await store(there, `after ${round}`));
        await eventually(() => expect(distinct(here.texts())).toEqual(sent), BACK_WITHIN);
      }
      const offsets = here.entries().map(({ offset }) => offset);
      expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
    });

    it('settles what a server that hangs does not answer, and says that it may have been stored', async ({ skip }) => {
      const { server, here, there } = cluster;
      if (server.hang === undefined || server.resume === undefined) return skip('this server cannot be made to hang');
      here.tail('first');
      await there.append('before');
      await here.reads(['before']);
      await server.hang();
      const began = new Stopwatch();
      const error = await there.adapter.append(0, Buffer.from('meanwhile'), AbortSignal.timeout(500)).catch(errorOf);
      expect(error).toBeInstanceOf(LogUnknownError);
      await expect(there.adapter.read(0, 'first', 1, AbortSignal.timeout(500))).rejects.toThrow(LogUnavailableError);
      expect(began.elapsed).toBeLessThan(3_000);
      for (const { problem } of await noticed(here, there)) expect(problem).toMatch(/./);
      await server.resume();
      await store(there, 'after');
      await eventually(() => expect(here.texts()).toContain('after'), BACK_WITHIN);
      expect(['before,after', 'before,meanwhile,after']).toContain(distinct(here.texts()).join(','));
      await eventually(() => {
        for (const { problem } of [here, there]) expect(problem).toBeUndefined();
      });
    });

    it('fails at once while the server is away, says why, and continues when it is back', async ({ skip }) => {
      const { server, here, there } = cluster;
      if (server.stop === undefined || server.run === undefined) return skip('this server cannot be stopped');
      here.tail('first');
      await there.append('before');
      await here.reads(['before']);
      await server.stop();
      for (const { problem } of await noticed(here, there)) expect(problem).toMatch(/./);
      const signal = AbortSignal.timeout(1_500);
      const error = await there.adapter.append(0, Buffer.from('x'), signal).catch(errorOf);
      expect(error).toBeInstanceOf(LogUnavailableError);
      await expect(there.adapter.read(0, 'first', 1, signal)).rejects.toThrow(LogUnavailableError);
      await expect(there.adapter.open(signal)).rejects.toThrow(LogUnavailableError);
      expect(signal.aborted).toBe(false);
      const early = new LogFollower(server.connect());
      early.adapter.start(early);
      await expect(early.adapter.open(AbortSignal.timeout(1_000))).rejects.toThrow(LogUnavailableError);
      await early.adapter.close();
      await server.run();
      await store(there, 'after');
      await eventually(() => expect(distinct(here.texts())).toEqual(['before', 'after']), BACK_WITHIN);
      await eventually(() => {
        for (const { problem } of [here, there]) expect(problem).toBeUndefined();
      });
    });

    it('closes in time while the server is away or hangs', async ({ skip }) => {
      const { server, here, there } = cluster;
      if (server.stop === undefined || server.hang === undefined) return skip('this server can neither stop nor hang');
      await server.hang();
      const began = new Stopwatch();
      await here.adapter.close();
      expect(began.elapsed).toBeLessThan(5_000);
      await server.resume?.();
      await server.stop();
      await there.adapter.close();
      expect(began.elapsed).toBeLessThan(15_000);
      await server.run?.();
    });

    it('shows that the log was deleted: no entry is where it was', async ({ skip }) => {
      const { server, here, there } = cluster;
      if (server.recreate === undefined) return skip('the log of this server cannot be deleted');
      here.continues = false;
      here.tail('first');
      for (const text of ['a1', 'a2', 'a3']) await there.append(text);
      const entries = await here.reads(['a1', 'a2', 'a3']);
      const { bounds } = there.adapter.traits;
      const before = bounds ? await there.adapter.bounds(0, AbortSignal.timeout(10_000)) : undefined;
      await server.recreate();
      await here.open();
      await expectGone(here, entries.at(-1)?.offset ?? 0, 'a3');
      await store(there, 'b1');
      // A connection that reads may come back after that of the calls.
      here.continues = true;
      here.tail('first');
      await eventually(() => expect(distinct(here.texts())).toEqual(['b1']), BACK_WITHIN);
      if (before?.incarnation === undefined) return;
      expect((await there.adapter.bounds(0, AbortSignal.timeout(10_000))).incarnation).not.toBe(before.incarnation);
    });

    it('shows that the latest entries are lost: other ones are in their place', async ({ skip }) => {
      const { server, here, there } = cluster;
      if (server.truncate === undefined) return skip('this server loses nothing');
      here.continues = false;
      here.tail('first');
      for (const text of ['a1', 'a2', 'a3']) await there.append(text);
      const entries = await here.reads(['a1', 'a2', 'a3']);
      await server.truncate(0, 1);
      await here.open();
      await expectGone(here, entries.at(-1)?.offset ?? 0, 'a3');
      await store(there, 'b3');
      await expectGone(here, entries.at(-1)?.offset ?? 0, 'a3');
      here.continues = true;
      here.tail('first');
      await eventually(() => expect(distinct(here.texts())).toEqual(['a1', 'a2', 'b3']), BACK_WITHIN);
    });

    it('begins with the first entry that retention has left', async ({ skip }) => {
      const { server, here, there } = cluster;
      if (server.trim === undefined) return skip('the log of this server cannot be trimmed');
      here.tail('first');
      for (const text of ['a1', 'a2', 'a3', 'a4']) await there.append(text);
      const entries = await here.reads(['a1', 'a2', 'a3', 'a4']);
      const third = entries[2]?.offset ?? 0;
      await server.trim(0, third);
      await eventually(async () => expect(await there.read('first', 10)).toEqual(['a3', 'a4']));
      expect(await there.read({ offset: entries[0]?.offset ?? 0 }, 10)).toEqual(['a3', 'a4']);
      there.tail('first');
      await there.reads(['a3', 'a4']);
      there.tail({ offset: entries[1]?.offset ?? 0 });
      await there.reads(['a3', 'a4']);
      if (!there.adapter.traits.bounds) return;
      const { first } = await there.adapter.bounds(0, AbortSignal.timeout(10_000));
      expect(first).toBeGreaterThan(entries[1]?.offset ?? Infinity);
      expect(first).toBeLessThanOrEqual(third);
    });
  });
}

/** Appends until it is acknowledged: it may be stored more than once. */
async function store(follower: LogFollower, text: string): Promise<string> {
  await eventually(async () => {
    await follower.adapter.open(AbortSignal.timeout(2_000));
    await follower.adapter.append(0, Buffer.from(text), AbortSignal.timeout(2_000));
  }, BACK_WITHIN);
  return text;
}

async function noticed(...followers: LogFollower[]): Promise<LogFollower[]> {
  await eventually(() => {
    for (const { problem } of followers) expect(problem).toBeDefined();
  }, NOTICED_WITHIN);
  return followers;
}

async function expectGone(follower: LogFollower, offset: number, text: string): Promise<void> {
  await eventually(async () => {
    const [entry] = await follower.adapter.read(0, { offset }, 1, AbortSignal.timeout(2_000));
    const isThere = entry !== undefined && entry.offset === offset && textOf(entry) === text;
    expect(isThere).toBe(false);
  }, BACK_WITHIN);
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

function errorOf(error: unknown): unknown {
  return error;
}
