import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  LogRefusedError,
  LogUnavailableError,
  type LogAdapter,
  type LogAdapterEvents,
  type LogBounds,
  type LogEntry,
  type LogStart,
  type LogTraits,
} from '../log/log-adapter.js';
import { partitionOf } from '../log/partition-of.js';
import { settled } from '../log/settled.js';
import { appendError, Code, codeOf, unavailable } from './errors.js';
import { Inbox } from './inbox.js';
import { loadLibrary } from './library.js';
import { Link } from './link.js';
import { attributesOf, type Content } from './message.js';
import { PubsubPartition } from './pubsub-partition.js';
import { PATIENCE } from './placing.js';
import { Pull } from './pull.js';
import type { Session } from './session.js';
import { createTopic, LONGEST_SILENCE, OwnSubscription } from './subscription.js';
import { presentSettings, type PubsubSettings } from './url.js';

/** Pub/Sub takes 10 MB in a message, but only 1 MB per second for an ordering key. */
const MAX_ENTRY = 1_048_576;
/** ms for which closing may take longer, to leave no subscription behind. */
const GOODBYE = 1_500;
/** ms between two looks whether a partition has its place. */
const LOOK = 20;
/** ms for what the adapter publishes by itself. */
const OWN_PUBLISH = 2_000;
/** ms without a message after which a stream that should have delivered one is replaced. */
const SILENT = 1_000;

const NOT_CONNECTED = 'not connected yet';
const EMPTY = new Uint8Array();

export interface PubsubOptions {
  readonly inbox?: boolean;
  readonly patience?: number;
}

/**
 * A log on Google Cloud Pub/Sub: an ordering key for each partition. Each pod has a subscription of its own. There is no past: a
 * partition begins with what the subscription delivers.
 */
export class PubsubAdapter implements LogAdapter {
  readonly traits: LogTraits = {
    replay: false,
    bounds: false,
    clock: true,
    maxEntry: MAX_ENTRY,
    // The order of two publishes is only kept if the first one was acknowledged before.
    appendsAtOnce: 1,
  };
  readonly #settings: PubsubSettings;
  readonly #subscription: OwnSubscription;
  readonly #link: Link;
  readonly #partitions: readonly PubsubPartition[];
  readonly #inbox: Inbox | undefined;
  readonly #closing = new AbortController();
  #events: LogAdapterEvents | undefined;
  #pull: Pull | undefined;
  #problem: LogUnavailableError | undefined = new LogUnavailableError(NOT_CONNECTED);
  #opening: Promise<void> | undefined;
  #downSince = Infinity;

  /**
   * @param url returns the current URL: the key in the file that it names may change.
   * @param options.inbox whether backends may publish to the topic `TOPIC-publish`.
   * @param options.patience ms that other pods have to say which offset comes next.
   * @throws BrokerUrlError
   */
  constructor(url: () => string, { inbox = false, patience = PATIENCE }: PubsubOptions = {}) {
    this.#settings = presentSettings(url);
    this.#subscription = new OwnSubscription(this.#settings);
    this.#link = new Link(this.#settings, {
      probe: async (session) => this.#probe(session),
      onUp: (session) => this.#onUp(session),
      onDown: (problem) => this.#onDown(problem),
    });
    this.#partitions = Array.from({ length: this.#settings.partitions }, (_, index) => {
      const publish = async (content: Content): Promise<void> => this.#publish(index, content);
      return new PubsubPartition(publish, patience, {
        onEntries: (entries) => this.#events?.onEntries(index, entries),
        onInterrupted: (reason) => this.#events?.onInterrupted(index, reason, true),
      });
    });
    if (!inbox) return;
    this.#inbox = new Inbox(this.#settings, async (plain, signal) => {
      const partition = partitionOf(plain.channel, this.partitions);
      if (!this.#at(partition).isBegun) throw new LogUnavailableError('the log has not begun yet');
      // One that is too large is passed on without its body: as an invalid message it is counted and logged.
      const body = plain.body.length > MAX_ENTRY ? EMPTY : plain.body;
      await this.#append(partition, { kind: 'entry', plain }, body, signal);
    });
  }

  get partitions(): number {
    return this.#partitions.length;
  }

  /** ms for which the pods keep what the broker needs: the window of the broker's settings. */
  get window(): number {
    return this.#settings.window;
  }

  start(events: LogAdapterEvents): void {
    this.#events = events;
    this.#connect().catch((error: unknown) => this.#onDown(unavailable(error)));
  }

  async close(): Promise<void> {
    this.#events = undefined;
    this.#closing.abort();
    for (const partition of this.#partitions) partition.close();
    this.#inbox?.stop();
    const { session } = this.#link;
    if (session !== undefined) {
      await this.#subscription.delete(session, AbortSignal.timeout(GOODBYE)).catch(() => undefined);
    }
    await this.#pull?.stop();
    await this.#link.close();
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#session(signal);
    // An earlier call may have given up waiting, but what it does goes on.
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    await settled(
      this.#opening,
      AbortSignal.any([signal, this.#closing.signal]),
      () => new LogUnavailableError('the other pods are being asked for the end of the log'),
    );
  }

  async append(partition: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    if (data.length > MAX_ENTRY) throw new LogUnavailableError(`the entry has more than ${MAX_ENTRY} bytes`);
    await this.#append(partition, { kind: 'entry', plain: undefined }, data, signal);
  }

  tail(partition: number, start: LogStart): void {
    this.#at(partition).tail(start);
  }

  async bounds(_partition: number, _signal: AbortSignal): Promise<LogBounds> {
    throw new LogUnavailableError('Pub/Sub does not report where the messages of an ordering key begin and end');
  }

  async read(partition: number, start: LogStart, limit: number, signal: AbortSignal): Promise<readonly LogEntry[]> {
    const at = this.#at(partition);
    const began = performance.now();
    const token = randomBytes(9).toString('base64url');
    const marked = at.marked(token, AbortSignal.any([signal, this.#closing.signal]));
    try {
      const published = this.#append(partition, { kind: 'mark', token }, EMPTY, signal);
      await Promise.all([published, marked]);
    } catch (error) {
      marked.catch(() => undefined);
      // The server has stopped delivering, as seen in googleapis/nodejs-pubsub#1135, or delivers late.
      const { silence = 0 } = this.#pull ?? {};
      if (silence > SILENT && performance.now() - began > SILENT) this.#pull?.restart();
      throw unavailable(error);
    }
    if (at.isSilentAfter(start)) {
      // The other pods may wait for this one: an empty entry, which means nothing, is one that everybody receives.
      await this.#append(partition, { kind: 'entry', plain: undefined }, EMPTY, signal);
      throw new LogUnavailableError('nothing has been received yet');
    }
    return at.read(start, limit);
  }

  async #connect(): Promise<void> {
    const library = await loadLibrary();
    if (!this.#closing.signal.aborted) this.#link.start(library);
  }

  async #open(): Promise<void> {
    const within = AbortSignal.any([AbortSignal.timeout(OWN_PUBLISH * 2), this.#closing.signal]);
    const session = this.#session(within);
    if (this.#subscription.isThere && !(await this.#subscription.look(session))) this.#forget();
    if (!this.#subscription.isThere) {
      await this.#subscription.create(session, within);
      // It may have been replaced meanwhile.
      if (this.#session(within) !== session) throw this.#problem ?? new LogUnavailableError(NOT_CONNECTED);
      this.#restart(session);
    }
    // Proves that the topic is there, and that this pod may publish.
    await this.#append(0, { kind: 'mark', token: '' }, EMPTY, within).catch((error: unknown) => {
      throw unavailable(error);
    });
    while (this.#partitions.some(({ isPlaced }) => !isPlaced)) {
      await sleep(LOOK, undefined, { ref: false });
      if (this.#link.session !== session) throw this.#problem ?? new LogUnavailableError(NOT_CONNECTED);
    }
    await this.#inbox?.open(session, within);
  }

  /** Asks the server something about the subscription. */
  async #probe(session: Session): Promise<void> {
    if (await this.#subscription.look(session)) return;
    this.#forget();
    throw new LogUnavailableError('the subscription of this pod was deleted, or its topic was');
  }

  #onUp(session: Session): void {
    if (performance.now() - this.#downSince > LONGEST_SILENCE) this.#forget();
    this.#downSince = Infinity;
    if (this.#subscription.isThere) this.#read(session);
    this.#report(undefined);
  }

  #onDown(problem: LogUnavailableError): void {
    if (this.#downSince === Infinity) this.#downSince = performance.now();
    this.#stopPull();
    this.#inbox?.stop();
    this.#report(problem);
  }

  /** What is published from now on is received by another subscription. */
  #forget(): void {
    this.#subscription.lose();
    this.#stopPull();
  }

  #restart(session: Session): void {
    this.#read(session);
    for (const partition of this.#partitions) partition.restart('this pod has missed a part of the log');
  }

  #read(session: Session): void {
    this.#stopPull();
    const pull: Pull = new Pull(session, this.#subscription.name, {
      onMessages: (messages) => {
        for (const { key, message, ackId } of messages) {
          // At once, because nobody else needs it: a pod that ends loses its subscription as well.
          pull.acknowledge(ackId);
          this.#partitionOf(key)?.receive(message);
        }
      },
      onGone: () => {
        this.#forget();
        this.#link.reset(new LogUnavailableError('the subscription of this pod was deleted, or has expired'));
      },
      onFailed: (error) => this.#link.reset(unavailable(error, 'pubsub.subscriptions.consume')),
    });
    this.#pull = pull;
  }

  #stopPull(): void {
    this.#pull?.stop().catch(() => undefined);
    this.#pull = undefined;
  }

  async #publish(partition: number, content: Content): Promise<void> {
    await this.#append(partition, content, EMPTY, AbortSignal.timeout(OWN_PUBLISH));
  }

  /** @throws LogUnavailableError or LogUnknownError */
  async #append(partition: number, content: Content, data: Uint8Array, signal: AbortSignal): Promise<void> {
    const session = this.#session(signal);
    const { claim } = this.#at(partition);
    const message = { data, attributes: attributesOf(content, claim), orderingKey: `${partition}` };
    try {
      await session.publish(message, AbortSignal.any([signal, this.#closing.signal]));
    } catch (error) {
      const failure = appendError(error);
      if (codeOf(error) === Code.notFound) {
        await createTopic(session, AbortSignal.timeout(OWN_PUBLISH)).catch((problem: unknown) => {
          this.#link.reset(unavailable(problem));
        });
        this.#link.reset(new LogUnavailableError(`the topic ${session.topic} does not exist`));
      } else if (failure instanceof LogRefusedError) this.#link.reset(failure);
      throw failure;
    }
  }

  #at(partition: number): PubsubPartition {
    const found = this.#partitions[partition];
    if (found === undefined) throw new RangeError(`there is no partition ${partition}`);
    return found;
  }

  /** Undefined for messages of others: without an order they cannot be part of a log. */
  #partitionOf(key: string): PubsubPartition | undefined {
    return /^\d{1,2}$/.test(key) ? this.#partitions[Number(key)] : undefined;
  }

  /** @throws LogUnavailableError */
  #session(signal: AbortSignal): Session {
    if (this.#closing.signal.aborted) throw new LogUnavailableError('closed');
    if (signal.aborted) throw new LogUnavailableError('there was no time left');
    const { session } = this.#link;
    if (session === undefined) throw this.#problem ?? new LogUnavailableError(NOT_CONNECTED);
    return session;
  }

  #report(problem: LogUnavailableError | undefined): void {
    const before = this.#problem;
    this.#problem = problem;
    if (before?.message !== problem?.message) this.#events?.onProblem(problem?.message);
  }
}
