import { beforeEach, describe, expect, it } from 'vitest';
import type { HistoryQuery, Position } from '../broker.js';
import type { Cluster } from './describe-broker.js';
import { LASTING, until } from './pod.js';

const CHANNEL = 'news:today';

/** Offsets count from the first of the five publications; `since` may be 'other epoch'. */
type Row = [
  since: number | 'other epoch' | undefined,
  order: 'forward' | 'reverse',
  limit: number,
  offsets: number[],
  complete: boolean,
];

const ALL_FIVE: Row[] = [
  [undefined, 'forward', 10, [1, 2, 3, 4, 5], true],
  [undefined, 'forward', 2, [1, 2], true],
  [undefined, 'reverse', 10, [5, 4, 3, 2, 1], true],
  [undefined, 'reverse', 2, [5, 4], true],
  [undefined, 'forward', 0, [], true],
  [0, 'forward', 10, [1, 2, 3, 4, 5], true],
  [2, 'forward', 10, [3, 4, 5], true],
  [2, 'forward', 2, [3, 4], true],
  [2, 'forward', 0, [], true],
  [5, 'forward', 10, [], true],
  [4, 'reverse', 10, [3, 2, 1], true],
  [4, 'reverse', 2, [3, 2], true],
  [1, 'reverse', 10, [], true],
  [0, 'reverse', 10, [], true],
  [6, 'forward', 10, [1, 2, 3, 4, 5], false],
  [7, 'reverse', 2, [5, 4], false],
  ['other epoch', 'forward', 2, [1, 2], false],
  ['other epoch', 'reverse', 2, [5, 4], false],
];

const THE_LAST_THREE_OF_FIVE: Row[] = [
  [undefined, 'forward', 10, [3, 4, 5], true],
  [undefined, 'forward', 2, [3, 4], true],
  [undefined, 'reverse', 2, [5, 4], true],
  [5, 'forward', 10, [], true],
  [2, 'forward', 10, [3, 4, 5], true],
  [2, 'forward', 2, [3, 4], true],
  [1, 'forward', 10, [3, 4, 5], false],
  [1, 'forward', 2, [3, 4], false],
  [0, 'forward', 0, [], false],
  [4, 'reverse', 10, [3], true],
  [3, 'reverse', 10, [], false],
  [1, 'reverse', 10, [], true],
];

const NONE_OF_FIVE: Row[] = [
  [undefined, 'forward', 10, [], true],
  [5, 'forward', 10, [], true],
  [4, 'forward', 10, [], false],
  [5, 'reverse', 10, [], false],
];

export function describeHistory(cluster: Cluster): void {
  describe('history', () => {
    beforeEach(({ skip }) => skip(!cluster.here.broker.capabilities.history, 'this broker keeps no history'));

    describeRows(cluster, '1 to 5 kept', 5, ALL_FIVE);
    describeRows(cluster, '3 to 5 kept', 3, THE_LAST_THREE_OF_FIVE);
    describeRows(cluster, 'none of 5 kept', 0, NONE_OF_FIVE);

    it.each<[order: 'forward' | 'reverse', since: number | undefined, maxBytes: number, offsets: number[]]>([
      ['forward', undefined, 30, [1, 2, 3]],
      ['forward', undefined, 29, [1, 2]],
      ['forward', undefined, 1, [1]],
      ['forward', 5, 10_000, range(6, 150)],
      ['forward', 5, 1_000, range(6, 105)],
      ['forward', 145, 30, [146, 147, 148]],
      ['forward', 145, 5, [146]],
      ['forward', 150, 5, []],
      ['reverse', undefined, 20, [150, 149]],
      ['reverse', undefined, 1, [150]],
      ['reverse', undefined, 1_000, range(51, 150).toReversed()],
      ['reverse', 3, 15, [2]],
    ])('%s since %j in at most %d bytes: %j', async (order, since, maxBytes, offsets) => {
      const { here, there } = cluster;
      let last: Position = { epoch: '', offset: 0 };
      // 5 characters, 10 bytes.
      for (let sent = 0; sent < 150; sent += 1) last = await here.publish(CHANNEL, 'ä'.repeat(5));
      const { epoch, offset } = last;
      const before = offset - 150;
      const expected = offsets.map((number) => before + number);
      const query: HistoryQuery = {
        limit: 1_000,
        maxBytes,
        reverse: order === 'reverse',
        ...(since !== undefined && { since: { epoch, offset: before + since } }),
      };
      expect(await there.offsets(CHANNEL, query)).toEqual(expected);
      await there.broker.subscribe(CHANNEL, LASTING);
      expect(await there.offsets(CHANNEL, query)).toEqual(expected);
      expect(await there.offsets(CHANNEL, { ...query, limit: 1 })).toEqual(expected.slice(0, 1));
      expect(await there.broker.history(CHANNEL, query)).toMatchObject({ epoch, offset, complete: true });
    });

    it('of publications of all sizes is read to its end in pages that are limited in bytes', async () => {
      const { here, there } = cluster;
      const sizes = Array.from({ length: 60 }, (_, index) => (index % 7 === 3 ? 5_000 : index * 3 + 1));
      for (const size of sizes) await here.publish(CHANNEL, 'x'.repeat(size));
      const { epoch, offset } = await there.broker.history(CHANNEL, { limit: 0 });
      const read: number[] = [];
      for (let since = { epoch, offset: 0 }; since.offset < offset; since = { epoch, offset: read.length }) {
        const { publications } = await there.broker.history(CHANNEL, { since, limit: 1_000, maxBytes: 1_000 });
        const bytes = publications.reduce((sum, { payload }) => sum + payload.length, 0);
        expect(publications).not.toHaveLength(0);
        if (publications.length > 1) expect(bytes).toBeLessThanOrEqual(1_000);
        read.push(...publications.map(({ payload }) => payload.length));
      }
      expect(read).toEqual(sizes);
    });

    it('of a channel without a stream is empty, at offset 0', async () => {
      const { here, there } = cluster;
      const empty = { offset: 0, publications: [] };
      expect(await here.broker.history(CHANNEL, { limit: 10 })).toMatchObject({ ...empty, complete: true });
      const since = { epoch: 'another', offset: 0 };
      expect(await here.broker.history(CHANNEL, { since, limit: 10 })).toMatchObject({ ...empty, complete: false });
      expect((await there.broker.subscribe(CHANNEL, { historySize: 1, historyTtl: 1, positionTtl: 1 })).offset).toBe(0);
    });

    it('keeps the position of a stream without publications', async () => {
      const { here, there } = cluster;
      const since = await here.broker.subscribe(CHANNEL, { historySize: 10, historyTtl: 60_000, positionTtl: 60_000 });
      const nothing = { ...since, publications: [], complete: true };
      expect(await there.broker.history(CHANNEL, { since, limit: 10 })).toEqual(nothing);
      await there.publish(CHANNEL, 'x');
      const { publications, complete } = await there.broker.history(CHANNEL, { since, limit: 10 });
      expect(complete).toBe(true);
      expect(publications.map(({ payload }) => payload)).toEqual(['x']);
    });

    it('keeps as many publications as the latest publish sets', async () => {
      const { here } = cluster;
      await here.publishMany(CHANNEL, 9, { historySize: 9 });
      await here.publish(CHANNEL, 'x', { historySize: 2 });
      expect(await here.offsets(CHANNEL)).toEqual([9, 10]);
      await here.publish(CHANNEL, 'y', { historySize: 9 });
      expect(await here.offsets(CHANNEL)).toEqual([9, 10, 11]);
      await here.publish(CHANNEL, 'z', { historySize: 0 });
      expect(await here.offsets(CHANNEL)).toEqual([]);
    });

    it('drops each publication after its own ttl', async () => {
      const { here, there } = cluster;
      const historyTtl = 400;
      const since = { ...(await here.publish(CHANNEL, 'a', { historyTtl })), offset: 0 };
      const [first] = (await here.broker.history(CHANNEL, { limit: 1 })).publications;
      await here.passed((first?.time ?? 0) + historyTtl / 2);
      await here.publish(CHANNEL, 'b', { historyTtl });
      const second = (await here.broker.history(CHANNEL, { reverse: true, limit: 1 })).publications[0];
      expect(second?.offset).toBe(2);

      const remaining = await until(async () => {
        const history = await there.broker.history(CHANNEL, { since, limit: 10 });
        expect(history.publications).not.toContainEqual(first);
        return history;
      });
      expect(remaining.complete).toBe(false);
      // On a slow machine the second one may have expired as well.
      if (there.broker.now() < (second?.time ?? 0) + historyTtl) expect(remaining.publications).toEqual([second]);
      await until(async () => expect(await there.offsets(CHANNEL)).toEqual([]));
    });
  });
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function describeRows(cluster: Cluster, kept: string, historySize: number, rows: Row[]): void {
  it.each(rows)(
    `${kept}: since %s, %s, at most %d: %j, complete: %s`,
    async (since, order, limit, offsets, complete) => {
      const { here, there } = cluster;
      const position = await here.publishMany(CHANNEL, 5, { historySize });
      const before = position.offset - 5;
      const query: HistoryQuery = {
        limit,
        reverse: order === 'reverse',
        since: sinceOf(since, { epoch: position.epoch, offset: before }),
      };
      const history = await there.broker.history(CHANNEL, query);
      expect(history.publications.map(({ offset }) => offset - before)).toEqual(offsets);
      expect(history).toMatchObject({ ...position, complete });
    },
  );
}

function sinceOf(since: Row[0], before: Position): HistoryQuery['since'] {
  if (since === undefined) return undefined;
  if (since === 'other epoch') return { epoch: 'another', offset: before.offset + 3 };
  return { epoch: before.epoch, offset: before.offset + since };
}
