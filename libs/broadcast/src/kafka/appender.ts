import { LogUnavailableError, LogUnknownError } from '../log/log-adapter.js';
import type { KafkaClient } from './client.js';
import type { BrokerConnection } from './connection.js';
import { ErrorCode } from './error-codes.js';
import { problemOf } from './leader.js';
import type { BrokerLink } from './link.js';
import { reasonOf } from './reasons.js';

/** All replicas in sync have to store it. */
const ALL_REPLICAS = -1;
/** ms for which the leader waits for them. */
const REPLICATION_TIMEOUT = 1_500;

/** Errors after which the leader may have stored a part, although it says that it has no offset. */
const DOUBTFUL: ReadonlySet<number> = new Set([ErrorCode.kafkaStorageError, ErrorCode.unknownServerError]);

interface Waiting {
  readonly partition: number;
  readonly data: Uint8Array;
  /** Whether it may have been sent. */
  isSent: boolean;
  readonly settle: (error?: Error) => void;
}

/** What waits for one leader. */
interface Lane {
  readonly queue: Waiting[];
  isBusy: boolean;
}

/**
 * Sends entries to the leaders of their partitions. A broker answers the requests of a connection one after the other, and only
 * when the replicas have followed: what arrives meanwhile shares the next request, with one entry for each partition.
 */
export class Appender {
  readonly #client: KafkaClient;
  readonly #lanes = new Map<BrokerLink, Lane>();

  constructor(client: KafkaClient) {
    this.#client = client;
  }

  /**
   * @throws LogUnavailableError
   * @throws LogUnknownError
   */
  async append(partition: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    const { link } = this.#client.metadata.leaderLink(partition);
    if (signal.aborted) throw new LogUnavailableError('aborted before it began');
    const lane = this.#lane(link);
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = {
        partition,
        data,
        isSent: false,
        settle: (error) => {
          signal.removeEventListener('abort', onAbort);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      const onAbort = (): void => {
        const reason = 'not acknowledged in time';
        waiting.settle(waiting.isSent ? new LogUnknownError(reason) : new LogUnavailableError(reason));
        const place = lane.queue.indexOf(waiting);
        if (place !== -1) lane.queue.splice(place, 1);
      };
      signal.addEventListener('abort', onAbort);
      lane.queue.push(waiting);
      if (!lane.isBusy) this.#run(link, lane).catch(() => undefined);
    });
  }

  #lane(link: BrokerLink): Lane {
    const lane = this.#lanes.get(link) ?? { queue: [], isBusy: false };
    this.#lanes.set(link, lane);
    return lane;
  }

  async #run(link: BrokerLink, lane: Lane): Promise<void> {
    lane.isBusy = true;
    while (lane.queue.length > 0) {
      try {
        const connection = await link.get();
        const batch = takeOnePerPartition(lane.queue);
        if (batch.length > 0) await this.#send(connection, batch);
      } catch (error) {
        const failed = lane.queue.splice(0);
        for (const { settle } of failed) settle(new LogUnavailableError(reasonOf(error)));
      }
    }
    lane.isBusy = false;
    this.#lanes.delete(link);
  }

  async #send(connection: BrokerConnection, batch: readonly Waiting[]): Promise<void> {
    if (!connection.isOpen) {
      for (const { settle } of batch) settle(new LogUnavailableError('the connection was lost'));
      return;
    }
    // The log's own time replaces the timestamp.
    const records = batch.map(({ partition, data }) => ({
      topic: this.#client.topic,
      partition,
      value: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
      timestamp: 0n,
    }));
    for (const waiting of batch) waiting.isSent = true;
    try {
      const { produceV10 } = this.#client.library;
      const response = await connection.call(produceV10.api, ALL_REPLICAS, REPLICATION_TIMEOUT, records, {});
      // It is a boolean if no acknowledgement was asked for.
      const answered = typeof response === 'boolean' ? [] : (response.responses[0]?.partitionResponses ?? []);
      const answers = new Map(answered.map((answer) => [answer.index, answer]));
      for (const { partition, settle } of batch) settle(this.#failure(answers.get(partition)));
    } catch (error) {
      this.#client.metadata.outdated();
      for (const { settle } of batch) settle(new LogUnknownError(reasonOf(error)));
    }
  }

  #failure(answer: { readonly errorCode: number; readonly baseOffset: bigint } | undefined): Error | undefined {
    const { errorCode = ErrorCode.unknownServerError, baseOffset = -1n } = answer ?? {};
    if (errorCode === ErrorCode.none) return undefined;
    const reason = problemOf(this.#client, errorCode);
    // An offset means that it was appended, and the replicas did not confirm it.
    const isDoubtful = baseOffset >= 0n || DOUBTFUL.has(errorCode);
    return isDoubtful ? new LogUnknownError(reason) : new LogUnavailableError(reason);
  }
}

/** Removes the first entry of each partition from the queue: a request has one batch for a partition. */
function takeOnePerPartition(queue: Waiting[]): Waiting[] {
  const taken = new Map<number, Waiting>();
  const rest: Waiting[] = [];
  for (const waiting of queue.splice(0)) {
    if (taken.has(waiting.partition)) rest.push(waiting);
    else taken.set(waiting.partition, waiting);
  }
  queue.push(...rest);
  return [...taken.values()];
}
