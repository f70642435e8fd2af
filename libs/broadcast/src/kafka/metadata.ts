import { setTimeout as sleep } from 'node:timers/promises';
import type { metadataV12 as MetadataV12 } from '@platformatic/kafka';
import { LogRefusedError, LogUnavailableError } from '../log/log-adapter.js';
import type { Brokers } from './brokers.js';
import { ErrorCode } from './error-codes.js';
import type { BrokerLink } from './link.js';
import type { KafkaLibrary } from './library.js';
import { reasonOf } from './reasons.js';

/** ms within which a broker has to connect and answer; otherwise the next one is asked. */
const ANSWER_TIMEOUT = 1_000;
/** ms between two requests. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

export interface Leader {
  /** The id of the broker. */
  readonly id: number;
  /**
   * Grows with each election. A broker that has another one refuses to answer; without it, one that has become a follower goes on to
   * serve fetches: https://cwiki.apache.org/confluence/x/VplSBQ (KIP-320)
   */
  readonly epoch: number;
}

export interface Partition {
  /** Undefined during an election. */
  readonly leader: Leader | undefined;
  readonly replicas: number;
}

export interface Topic {
  /** Another one if the topic was deleted and created again. */
  readonly id: string;
  readonly partitions: readonly Partition[];
  /** A bit for each operation that this client may do; undefined if the server does not say. */
  readonly operations: number | undefined;
}

/** Of `topicAuthorizedOperations`: not given. */
const NO_OPERATIONS = -2_147_483_648;

/** What the cluster says about the topic and its leaders. It is refreshed when a call finds it outdated, until all have a leader. */
export class Metadata {
  readonly #library: KafkaLibrary;
  readonly #brokers: Brokers;
  readonly #name: string;
  readonly #onProblem: (reason: string | undefined) => void;
  readonly #stop = new AbortController();
  #topic: Topic | undefined;
  #controller: number | undefined;
  #problem: string | undefined;
  #isOutdated = false;
  #isWatching = false;
  #refreshing: Promise<void> | undefined;

  /** @param onProblem called when the cluster becomes unusable, and with undefined when it is usable again. */
  constructor(library: KafkaLibrary, brokers: Brokers, name: string, onProblem: (reason: string | undefined) => void) {
    this.#library = library;
    this.#brokers = brokers;
    this.#name = name;
    this.#onProblem = onProblem;
  }

  /** Undefined if there is none. */
  get topic(): Topic | undefined {
    return this.#topic;
  }

  /** The broker that creates topics, if it is known. */
  get controller(): BrokerLink | undefined {
    return this.#controller === undefined ? undefined : this.#brokers.link(this.#controller, 'calls');
  }

  /** The broker that leads a partition. */
  leader(partition: number): Leader | undefined {
    return this.#topic?.partitions[partition]?.leader;
  }

  /**
   * The link to the leader of a partition, for calls.
   *
   * @throws LogUnavailableError if there is no leader.
   */
  leaderLink(partition: number): { readonly link: BrokerLink; readonly epoch: number } {
    const leader = this.leader(partition);
    const link = leader === undefined ? undefined : this.#brokers.link(leader.id, 'calls');
    if (leader !== undefined && link !== undefined) return { link, epoch: leader.epoch };
    this.outdated();
    throw new LogUnavailableError(this.#problem ?? `partition ${partition} has no leader now`);
  }

  /** A call found that something has changed. */
  outdated(): void {
    this.#isOutdated = true;
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#watch().catch(() => undefined);
  }

  /** @throws LogUnavailableError if no broker answers, LogRefusedError if there are no rights. */
  async refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  close(): void {
    this.#stop.abort();
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    for (let pause = FIRST_PAUSE; this.#isOutdated && !signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      this.#isOutdated = false;
      const hadTopic = this.#topic !== undefined;
      const problem = await this.refresh().then(
        () => (hadTopic && this.#topic === undefined ? `the topic ${this.#name} does not exist` : undefined),
        reasonOf,
      );
      if (signal.aborted) return;
      this.#report(problem);
      const isElecting = this.#topic?.partitions.some(({ leader }) => leader === undefined) === true;
      if (problem !== undefined || isElecting) this.#isOutdated = true;
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
    this.#isWatching = false;
  }

  #report(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#onProblem(problem);
  }

  async #refresh(): Promise<void> {
    let failure: unknown = new LogUnavailableError('no broker is known');
    for (const link of this.#brokers.candidates()) {
      if (this.#stop.signal.aborted) throw new LogUnavailableError('the adapter is closed');
      try {
        this.#accept(await this.#ask(link));
        return;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async #ask(link: BrokerLink): Promise<MetadataV12.MetadataResponse> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      // The connection may only be slow: an append that waits for replicas holds up what follows it.
      timer = setTimeout(() => reject(new LogUnavailableError('no answer in time')), ANSWER_TIMEOUT);
    });
    const { api } = this.#library.metadataV12;
    const answer = link.get().then(async (connection) => connection.call(api, [this.#name], false, true));
    return Promise.race([answer, timeout]).finally(() => clearTimeout(timer));
  }

  #accept({ brokers, controllerId, topics }: MetadataV12.MetadataResponse): void {
    const [topic] = topics;
    if (topic === undefined || brokers.length === 0) throw new LogUnavailableError('the broker has no metadata yet');
    if (topic.errorCode === ErrorCode.topicAuthorizationFailed) {
      throw new LogRefusedError(`the user may not describe the topic ${this.#name}: grant Describe, or Create`);
    }
    this.#brokers.update(brokers);
    this.#controller = controllerId;
    if (topic.errorCode === ErrorCode.unknownTopicOrPartition) {
      this.#topic = undefined;
      return;
    }
    const { topicId: id, topicAuthorizedOperations: operations } = topic;
    const partitions: Partition[] = [];
    for (const { partitionIndex, leaderId, leaderEpoch, replicaNodes } of topic.partitions) {
      const leader = leaderId < 0 ? undefined : { id: leaderId, epoch: leaderEpoch };
      partitions[partitionIndex] = { leader, replicas: replicaNodes.length };
    }
    this.#topic = { id, partitions, operations: operations === NO_OPERATIONS ? undefined : operations };
  }
}
