import { LogUnavailableError } from '../log/log-adapter.js';
import type { BrokerConnection } from './connection.js';
import { ErrorCode, errorName } from './error-codes.js';
import { fetchInSession, type FetchedPartition, type FetchPosition, type SessionState } from './fetch.js';
import type { KafkaLibrary } from './library.js';

/** The request that names all partitions, and asks for a session. */
const FIRST: SessionState = { id: 0, epoch: 0 };

/** The broker has dropped the session, because others needed its place, or it has missed a request. */
const SESSION_LOST: ReadonlySet<number> = new Set([
  ErrorCode.fetchSessionIdNotFound,
  ErrorCode.invalidFetchSessionEpoch,
  ErrorCode.fetchSessionTopicIdError,
]);

/**
 * Reads from one leader on one connection. Both sides remember the positions, so a request names only those that have changed, and
 * an answer only the partitions that have something new: with one message at a time, that is most of the work.
 */
export class FetchSession {
  #state = FIRST;
  #topicId: string | undefined;
  /** As they were sent. */
  #known = new Map<number, FetchPosition>();

  constructor(
    private readonly library: KafkaLibrary,
    readonly connection: BrokerConnection,
  ) {}

  /**
   * @returns no partitions if the session was lost: the next call begins another one.
   * @throws LogUnavailableError
   */
  async fetch(
    topicId: string,
    positions: readonly FetchPosition[],
    wait: number,
  ): Promise<readonly FetchedPartition[]> {
    if (topicId !== this.#topicId) this.#reset();
    this.#topicId = topicId;
    const changed = positions.filter((position) => !isSame(position, this.#known.get(position.partition)));
    const present = new Map(positions.map((position) => [position.partition, position]));
    const forgotten = [...this.#known.keys()].filter((partition) => !present.has(partition));
    const { library, connection } = this;
    const answer = await fetchInSession(library, connection, this.#state, topicId, changed, forgotten, wait);
    if (answer.errorCode === ErrorCode.none && answer.sessionId !== 0) {
      this.#state = { id: answer.sessionId, epoch: nextEpoch(this.#state) };
      this.#known = present;
    } else {
      this.#reset();
    }
    if (SESSION_LOST.has(answer.errorCode)) return [];
    if (answer.errorCode !== ErrorCode.none) {
      throw new LogUnavailableError(errorName(library.protocolErrorsCodesById, answer.errorCode));
    }
    return answer.partitions;
  }

  #reset(): void {
    this.#state = FIRST;
    this.#known = new Map();
  }
}

function isSame({ leaderEpoch, offset, epoch }: FetchPosition, known: FetchPosition | undefined): boolean {
  return known?.offset === offset && known.epoch === epoch && known.leaderEpoch === leaderEpoch;
}

/** 0 begins a session, so it comes only once. */
function nextEpoch({ epoch }: SessionState): number {
  return epoch === 2 ** 31 - 1 ? 1 : epoch + 1;
}
