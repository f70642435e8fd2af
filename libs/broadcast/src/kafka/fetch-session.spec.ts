import { beforeEach, describe, expect, it } from 'vitest';
import { LogUnavailableError } from '../log/log-adapter.js';
import type { BrokerConnection } from './connection.js';
import { ErrorCode } from './error-codes.js';
import { FetchSession } from './fetch-session.js';
import type { KafkaLibrary } from './library.js';

const TOPIC_ID = 'topic-1';
const OF_0 = { partition: 0, leaderEpoch: 4, offset: 5, epoch: undefined };
const OF_1 = { partition: 1, leaderEpoch: 4, offset: 7, epoch: 2 };

interface Request {
  readonly session: readonly [id: number, epoch: number];
  /** By partition, the offset. */
  readonly named: Readonly<Record<number, number>>;
  readonly forgotten: readonly number[];
}

/** As the library takes them. */
interface Named {
  readonly partitions: readonly { readonly partition: number; readonly fetchOffset: bigint }[];
}
interface Forgotten {
  readonly partitions: readonly number[];
}

let requests: Request[];
let answer: { errorCode: number; sessionId: number };
let sut: FetchSession;

beforeEach(() => {
  requests = [];
  answer = { errorCode: ErrorCode.none, sessionId: 9 };
  const call = async (...args: unknown[]): Promise<object> => {
    const [id, epoch, topics, forgotten] = args.slice(5) as [number, number, Named[], Forgotten[]];
    const named = topics.flatMap(({ partitions }) =>
      partitions.map(({ partition, fetchOffset }) => [partition, Number(fetchOffset)] as const),
    );
    requests.push({
      session: [id, epoch],
      named: Object.fromEntries(named),
      forgotten: forgotten.flatMap(({ partitions }) => partitions),
    });
    return { ...answer, responses: [] };
  };
  const library = { fetchV13: { api: 'fetch' }, protocolErrorsCodesById: { 1: 'SOME_ERROR' } };
  sut = new FetchSession(library as unknown as KafkaLibrary, { call } as unknown as BrokerConnection);
});

describe('a fetch session', () => {
  it('names all partitions first, and then only those that have changed', async () => {
    await sut.fetch(TOPIC_ID, [OF_0, OF_1], 0);
    await sut.fetch(TOPIC_ID, [OF_0, OF_1], 0);
    await sut.fetch(TOPIC_ID, [{ ...OF_0, offset: 6 }, OF_1], 0);
    await sut.fetch(TOPIC_ID, [{ ...OF_0, offset: 6, epoch: 2 }], 0);
    await sut.fetch(TOPIC_ID, [{ ...OF_0, offset: 6, epoch: 2, leaderEpoch: 5 }], 0);
    expect(requests).toEqual([
      { session: [0, 0], named: { 0: 5, 1: 7 }, forgotten: [] },
      { session: [9, 1], named: {}, forgotten: [] },
      { session: [9, 2], named: { 0: 6 }, forgotten: [] },
      { session: [9, 3], named: { 0: 6 }, forgotten: [1] },
      { session: [9, 4], named: { 0: 6 }, forgotten: [] },
    ]);
  });

  it.each([
    ['the broker has dropped it', { errorCode: ErrorCode.fetchSessionIdNotFound, sessionId: 0 }],
    ['the broker has missed a request', { errorCode: ErrorCode.invalidFetchSessionEpoch, sessionId: 0 }],
    ['the broker has no place for it', { errorCode: ErrorCode.none, sessionId: 0 }],
  ])('names all partitions again if %s', async (_, fault) => {
    await sut.fetch(TOPIC_ID, [OF_0, OF_1], 0);
    answer = fault;
    expect(await sut.fetch(TOPIC_ID, [OF_0, OF_1], 0)).toEqual([]);
    await sut.fetch(TOPIC_ID, [OF_0, OF_1], 0);
    expect(requests.at(-1)).toEqual({ session: [0, 0], named: { 0: 5, 1: 7 }, forgotten: [] });
  });

  it('names all partitions again for another topic of the same name, and after another error', async () => {
    await sut.fetch(TOPIC_ID, [OF_0, OF_1], 0);
    await sut.fetch('topic-2', [OF_0, OF_1], 0);
    answer = { errorCode: 1, sessionId: 0 };
    await expect(sut.fetch('topic-2', [OF_0, OF_1], 0)).rejects.toThrow(new LogUnavailableError('SOME_ERROR'));
    await sut.fetch('topic-2', [OF_0, OF_1], 0).catch(() => undefined);
    expect(requests.map(({ session }) => session)).toEqual([
      [0, 0],
      [0, 0],
      [9, 1],
      [0, 0],
    ]);
  });
});
