import { describe, expect, it, vi } from 'vitest';
import { LogUnavailableError, type LogStart } from '../log/log-adapter.js';
import type { KafkaClient } from './client.js';
import type { FetchedPartition } from './fetch.js';
import { readBounds, readEntries } from './reads.js';
import { Tail } from './tail.js';

const TOPIC_ID = 'topic-1';
const OFFSET_NOT_AVAILABLE = 78;
const NOT_LEADER_OR_FOLLOWER = 6;
const LEADER = { id: 1, epoch: 4 };

/** A leader that answers from these fields. */
interface Leader {
  readonly first?: number;
  /** Or an error code. */
  readonly latest: number | { readonly errorCode: number };
  readonly answers?: readonly FetchedPartition[];
  readonly onOutdated?: () => void;
}

function clientOf({ first = 0, latest, answers = [], onOutdated = () => undefined }: Leader): KafkaClient {
  const library = { fetchV13: { api: 'fetch' }, listOffsetsV8: { api: 'list' }, protocolErrorsCodesById: {} };
  const left = [...answers];
  const list = (time: bigint): object => {
    if (time === -2n) return { errorCode: 0, offset: BigInt(first) };
    return typeof latest === 'number' ? { errorCode: 0, offset: BigInt(latest) } : latest;
  };
  const connection = {
    call: async (api: string, ...args: unknown[]): Promise<unknown> => {
      if (api === 'fetch') return { errorCode: 0, responses: [{ partitions: [left.shift()] }] };
      const [, , [{ partitions }]] = args as [unknown, unknown, [{ partitions: [{ timestamp: bigint }] }]];
      return { topics: [{ partitions: [list(partitions[0].timestamp)] }] };
    },
  };
  const metadata = {
    topic: { id: TOPIC_ID },
    leaderLink: () => ({ link: { get: async () => connection }, epoch: LEADER.epoch }),
    outdated: onOutdated,
    refresh: async () => undefined,
  };
  return { library, metadata, brokers: {}, topic: 'topic' } as unknown as KafkaClient;
}

function answer(fields: Partial<FetchedPartition> & { offsets?: readonly number[] }): FetchedPartition {
  const { offsets = [], ...rest } = fields;
  const records = offsets.map((offset) => ({
    firstOffset: BigInt(offset),
    lastOffsetDelta: 0,
    attributes: 8,
    maxTimestamp: 0n,
    partitionLeaderEpoch: 3,
    records: [{ offsetDelta: 0, key: null, value: Buffer.from(`${offset}`), headers: [] }],
  }));
  return { errorCode: 0, highWatermark: 0n, records, ...rest } as unknown as FetchedPartition;
}

function tail(client: KafkaClient, start: LogStart, former?: Tail['place']): Tail {
  return new Tail(client, 0, LEADER, start, former);
}

describe('entries that are read apart', () => {
  const signal = AbortSignal.timeout(10_000);

  it('end where the list of offsets ends', async () => {
    const client = clientOf({ latest: 7, answers: [answer({ offsets: [5, 6], highWatermark: 7n })] });
    const entries = await readEntries(client, 0, { offset: 5 }, 10, signal);
    expect(entries.map(({ offset }) => offset)).toEqual([5, 6]);
  });

  it('are not taken for lost by a leader that has just been elected and does not show them yet', async () => {
    const empty = answer({ highWatermark: 5n });
    const unknown = clientOf({ latest: { errorCode: OFFSET_NOT_AVAILABLE }, answers: [empty] });
    await expect(readEntries(unknown, 0, { offset: 6 }, 1, signal)).rejects.toThrow(LogUnavailableError);
    const late = clientOf({ latest: 7, answers: [empty, answer({ offsets: [6], highWatermark: 7n })] });
    expect((await readEntries(late, 0, { offset: 6 }, 1, signal)).map(({ offset }) => offset)).toEqual([6]);
  });
});

describe('a broker that has become a follower', () => {
  const signal = AbortSignal.timeout(10_000);
  const latest = { errorCode: NOT_LEADER_OR_FOLLOWER };
  const outOfRange = answer({ errorCode: 1 });
  const stored = answer({ offsets: [5], highWatermark: 6n });

  it.each([
    ['the bounds', outOfRange, async (client: KafkaClient) => readBounds(client, 0)],
    ['entries', stored, async (client: KafkaClient) => readEntries(client, 0, { offset: 5 }, 1, signal)],
    ['where to begin', outOfRange, async (client: KafkaClient) => tail(client, 'next').position(TOPIC_ID)],
  ])('is noticed by who asks it for %s, even if it serves a part', async (_, fetched, ask) => {
    const onOutdated = vi.fn<() => void>();
    await expect(ask(clientOf({ latest, answers: [fetched], onOutdated }))).rejects.toThrow(LogUnavailableError);
    expect(onOutdated).toHaveBeenCalled();
  });
});

describe('a reader', () => {
  const outOfRange = answer({ errorCode: 1 });

  it('sends the leader epoch of the last entry, also if it continues where another one ended', async () => {
    const client = clientOf({ latest: 9, answers: [] });
    const first = tail(client, { offset: 5 });
    expect(await first.position(TOPIC_ID)).toEqual({ partition: 0, leaderEpoch: 4, offset: 5, epoch: undefined });
    await first.accept(answer({ offsets: [5, 6] }));
    expect(await first.position(TOPIC_ID)).toEqual({ partition: 0, leaderEpoch: 4, offset: 7, epoch: 3 });
    expect(await tail(client, { offset: 7 }, first.place).position(TOPIC_ID)).toMatchObject({ offset: 7, epoch: 3 });
    expect(await tail(client, { offset: 6 }, first.place).position(TOPIC_ID)).toMatchObject({ epoch: undefined });
  });

  it('is cut by a log that was truncated, or deleted', async () => {
    const sut = tail(clientOf({ latest: 9 }), { offset: 5 });
    await sut.position(TOPIC_ID);
    const diverging = answer({ divergingEpoch: { epoch: 2, endOffset: 4n } });
    await expect(sut.accept(diverging)).rejects.toMatchObject({ isCut: true, message: /truncated at offset 4/ });
    await expect(sut.position('topic-2')).rejects.toMatchObject({ isCut: true });
    await expect(sut.position(undefined)).rejects.toMatchObject({ isCut: true });
  });

  it('begins after what retention has deleted, but is cut if it had not read that yet', async () => {
    const sut = tail(clientOf({ first: 8, latest: 9 }), { offset: 5 });
    await sut.position(TOPIC_ID);
    expect(await sut.accept(outOfRange)).toEqual([]);
    expect(await sut.position(TOPIC_ID)).toMatchObject({ offset: 8 });
    const running = tail(clientOf({ first: 8, latest: 9 }), { offset: 5 });
    await running.position(TOPIC_ID);
    await running.accept(answer({ offsets: [5] }));
    await expect(running.accept(outOfRange)).rejects.toMatchObject({ isCut: true, message: /retention deleted/ });
  });

  it('is cut by a log that ends before its place', async () => {
    const sut = tail(clientOf({ first: 0, latest: 3 }), { offset: 5 });
    await sut.position(TOPIC_ID);
    await expect(sut.accept(outOfRange)).rejects.toMatchObject({ isCut: true, message: /ends before offset 5/ });
  });
});
