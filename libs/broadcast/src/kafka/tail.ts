import type { LogEntry, LogOffset, LogStart } from '../log/log-adapter.js';
import type { KafkaClient } from './client.js';
import { toEntries } from './entries.js';
import { ErrorCode, UNKNOWN_TOPIC } from './error-codes.js';
import { ANY_EPOCH, type FetchedPartition, type FetchPosition } from './fetch.js';
import { leaderOf, problemOf } from './leader.js';
import type { Leader } from './metadata.js';
import { EARLIEST, listOffset, startOffset } from './offsets.js';

/** How far a partition was read. */
export interface Place {
  readonly topicId: string;
  readonly next: LogOffset;
  /** The leader epoch of the entry before `next`, if it was read. */
  readonly epoch: number | undefined;
}

/** Why a tail has ended. */
export class Interruption extends Error {
  override readonly name = 'Interruption';

  /** @param isCut whether entries that were read before, or come next, are gone. */
  constructor(
    message: string,
    readonly isCut: boolean,
  ) {
    super(message);
  }
}

/** Reads one partition from a start, until it is interrupted or replaced. */
export class Tail {
  /** Whether it is over. */
  hasEnded = false;
  #place: Place | undefined;
  #hasRead = false;

  /** @param former where the former reader of the partition ended. */
  constructor(
    private readonly client: KafkaClient,
    readonly partition: number,
    readonly leader: Leader | undefined,
    private readonly start: LogStart,
    private readonly former: Place | undefined,
  ) {}

  get place(): Place | undefined {
    return this.#place;
  }

  /**
   * What to fetch next.
   *
   * @param topicId undefined if there is no topic.
   * @throws Interruption
   * @throws LogUnavailableError
   */
  async position(topicId: string | undefined): Promise<FetchPosition> {
    if (this.#place !== undefined && this.#place.topicId !== topicId) {
      throw new Interruption('the topic was deleted', true);
    }
    if (topicId === undefined) throw new Interruption('the topic does not exist', false);
    this.#place ??= await this.#begin(topicId);
    const { next: offset, epoch } = this.#place;
    return { partition: this.partition, leaderEpoch: this.leader?.epoch ?? ANY_EPOCH, offset, epoch };
  }

  /**
   * The entries of an answer.
   *
   * @throws Interruption
   */
  async accept(answer: FetchedPartition): Promise<readonly LogEntry[]> {
    const { errorCode, divergingEpoch, records } = answer;
    if (this.#place === undefined) return [];
    if (errorCode === ErrorCode.offsetOutOfRange) return this.#relocate(this.#place);
    if (errorCode !== ErrorCode.none) throw await this.#failure(errorCode, this.#place);
    // The former leader had more of that epoch than the log has now.
    if (divergingEpoch !== undefined && divergingEpoch.endOffset >= 0n) {
      throw new Interruption(`the log was truncated at offset ${divergingEpoch.endOffset}`, true);
    }
    const { entries, next, epoch } = toEntries(records ?? [], this.#place.next);
    if (entries.length > 0) this.#hasRead = true;
    this.#place = { ...this.#place, next, epoch: epoch ?? this.#place.epoch };
    return entries;
  }

  async #begin(topicId: string): Promise<Place> {
    const next = await startOffset(this.client, await leaderOf(this.client, this.partition), this.start);
    const isContinued = this.former?.topicId === topicId && this.former.next === next;
    return { topicId, next, epoch: isContinued ? this.former.epoch : undefined };
  }

  /** The place is outside of the log. */
  async #relocate(place: Place): Promise<readonly LogEntry[]> {
    const leader = await leaderOf(this.client, this.partition);
    const first = (await listOffset(this.client, leader, EARLIEST)) ?? 0;
    if (place.next > first) throw new Interruption(`the log ends before offset ${place.next}`, true);
    if (this.#hasRead) throw new Interruption(`retention deleted entries from offset ${place.next} on`, true);
    this.#place = { ...place, next: first, epoch: undefined };
    return [];
  }

  async #failure(errorCode: number, { topicId }: Place): Promise<Interruption> {
    const { metadata } = this.client;
    const problem = problemOf(this.client, errorCode);
    if (!UNKNOWN_TOPIC.has(errorCode)) return new Interruption(problem, false);
    // A broker that has just started does not know the topic yet.
    await metadata.refresh();
    return new Interruption('the topic was deleted', metadata.topic?.id !== topicId);
  }
}
