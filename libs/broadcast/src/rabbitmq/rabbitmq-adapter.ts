import type { Options } from 'amqplib';
import {
  LogUnavailableError,
  LogUnknownError,
  type LogAdapter,
  type LogAdapterEvents,
  type LogBounds,
  type LogEntry,
  type LogStart,
  type LogTraits,
} from '../log/log-adapter.js';
import { partitionOf } from '../log/partition-of.js';
import { Appender } from './appender.js';
import { unavailable } from './errors.js';
import { Inbox } from './inbox.js';
import { loadLibrary } from './library.js';
import { Link } from './link.js';
import { Read } from './read.js';
import { Reader } from './reader.js';
import { settled } from '../log/settled.js';
import { plainProperties } from './stream.js';
import { declareInbox, declareTopology, exchangeName, inboxName, queueName } from './topology.js';
import { presentSettings, type RabbitSettings } from './url.js';

/** The default of `max_message_size` since RabbitMQ 4.0. */
const MAX_ENTRY = 16 * 1_024 * 1_024;

/**
 * A log in stream queues of RabbitMQ, one for each partition, over AMQP 0.9.1. One connection appends and another one reads: a
 * server that is short of memory or disk reads nothing from connections that publish, not even acknowledgements.
 */
export class RabbitAdapter implements LogAdapter {
  readonly traits: LogTraits = {
    replay: true,
    bounds: false,
    clock: false,
    maxEntry: MAX_ENTRY,
    // A channel would keep the order of more, but then fewer records share an entry: measured, that costs throughput.
    appendsAtOnce: 1,
  };
  readonly partitions: number;
  readonly #settings: RabbitSettings;
  readonly #hasInbox: boolean;
  readonly #appends: Link;
  readonly #reads: Link;
  readonly #inbox: Inbox;
  readonly #readers = new Map<number, Reader>();
  /** Readers that are taking their place at the end of a partition: what is appended after the call has to follow it. */
  readonly #placing = new Map<number, Promise<void>>();
  #appender: Appender | undefined;
  #events: LogAdapterEvents | undefined;
  #problem: string | undefined;
  #loading: Promise<void> | undefined;
  #libraryProblem: LogUnavailableError | undefined;

  /**
   * @param url returns the current URL: its credentials may change.
   * @param options.inbox whether backends may publish to the exchange `PREFIX.publish`.
   * @throws BrokerUrlError
   */
  constructor(url: () => string, { inbox = false }: { readonly inbox?: boolean } = {}) {
    this.#settings = presentSettings(url);
    this.#hasInbox = inbox;
    this.partitions = this.#settings.partitions;
    const onChange = (): void => this.#report();
    this.#appends = new Link(this.#settings, 'appends', {
      onOpen: async (connection) => {
        const appender = await Appender.open(connection, exchangeName(this.#settings.prefix));
        this.#appender = appender;
        connection.onBlocked = (reason) => {
          appender.blocked = reason;
          this.#report();
        };
      },
      onChange,
    });
    this.#inbox = new Inbox(inboxName(this.#settings.prefix), async (message, signal) => {
      const partition = partitionOf(message.fields.routingKey, this.partitions);
      await this.#append(partition, message.content, signal, plainProperties(message));
    });
    this.#reads = new Link(this.#settings, 'reads', { onOpen: async () => undefined, onChange });
  }

  /** ms for which the log has to keep what the broker needs: the window of the broker's settings. */
  get window(): number {
    return this.#settings.window;
  }

  start(events: LogAdapterEvents): void {
    this.#events = events;
    this.#loading = this.#connect();
  }

  async close(): Promise<void> {
    this.#events = undefined;
    for (const partition of this.#readers.keys()) this.#stopReader(partition);
    this.#inbox.close();
    await this.#loading;
    await Promise.all([this.#appends.close(), this.#reads.close()]);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#call(signal, async () => {
      await this.#loading;
      this.#check();
      await Promise.all([this.#appends.attempted(), this.#reads.attempted()]);
      this.#check();
      const { connection } = this.#reads;
      await declareTopology(connection, this.#settings);
      if (!this.#hasInbox) return;
      await declareInbox(connection, inboxName(this.#settings.prefix));
      this.#inbox.attach(connection);
    });
  }

  async append(partition: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#check();
    if (data.length > MAX_ENTRY) throw new LogUnavailableError(`the entry has more than ${MAX_ENTRY} bytes`);
    const placing = this.#placing.get(partition);
    if (placing !== undefined)
      await settled(placing, signal, () => new LogUnavailableError('the reader has no place yet'));
    await this.#append(partition, data, signal);
  }

  tail(partition: number, start: LogStart): void {
    this.#stopReader(partition);
    if (this.#events === undefined) return;
    const onEnd = (reason: string, isCut: boolean): void => {
      this.#readers.delete(partition);
      this.#events?.onInterrupted(partition, reason, isCut);
    };
    const reader = new Reader(this.#reads, queueName(this.#settings.prefix, partition), {
      onEntries: (entries) => this.#events?.onEntries(partition, entries),
      recreate: async () => declareTopology(this.#reads.connection, this.#settings),
      onEnd,
    });
    this.#readers.set(partition, reader);
    const placed = reader.start(start);
    if (start !== 'next') return;
    this.#placing.set(partition, placed);
    placed
      .finally(() => {
        if (this.#placing.get(partition) === placed) this.#placing.delete(partition);
      })
      .catch(() => undefined);
  }

  async bounds(_partition: number, _signal: AbortSignal): Promise<LogBounds> {
    throw new LogUnavailableError('RabbitMQ does not report where a stream begins and ends');
  }

  async read(partition: number, start: LogStart, limit: number, signal: AbortSignal): Promise<readonly LogEntry[]> {
    return this.#call(signal, async () => {
      this.#check();
      if (start === 'next') return [];
      const mark = async (type: string): Promise<void> => this.#append(partition, new Uint8Array(), signal, { type });
      const queue = queueName(this.#settings.prefix, partition);
      return new Read(this.#reads.connection, queue, start, limit, mark).entries(signal);
    });
  }

  async #connect(): Promise<void> {
    try {
      const library = await loadLibrary();
      if (this.#events === undefined) return;
      this.#appends.start(library);
      this.#reads.start(library);
    } catch (error) {
      this.#libraryProblem = unavailable(error);
      this.#report();
    }
  }

  async #append(partition: number, data: Uint8Array, signal: AbortSignal, properties?: Options.Publish): Promise<void> {
    const { connection } = this.#appends;
    if (this.#appender === undefined || !connection.isOpen) throw new LogUnavailableError('the connection was lost');
    await this.#appender.append(partition, data, signal, properties);
  }

  /** A call that changes nothing, or that may be repeated. */
  async #call<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    if (signal.aborted) throw new LogUnavailableError('aborted before it began');
    try {
      return await settled(call(), signal, () => new LogUnavailableError('no answer in time'));
    } catch (error) {
      if (error instanceof LogUnknownError) throw new LogUnavailableError(error.message, { cause: error });
      throw unavailable(error);
    }
  }

  /** @throws LogUnavailableError */
  #check(): void {
    if (this.#events === undefined) throw new LogUnavailableError('closed');
    const problem = this.#libraryProblem ?? this.#appends.problem ?? this.#reads.problem;
    if (problem !== undefined) throw problem;
  }

  #report(): void {
    const problem = this.#libraryProblem ?? this.#appends.problem ?? this.#reads.problem;
    const reason = problem?.message ?? this.#appender?.blocked;
    if (reason === this.#problem) return;
    this.#problem = reason;
    this.#events?.onProblem(reason);
  }

  #stopReader(partition: number): void {
    this.#readers.get(partition)?.stop();
    this.#readers.delete(partition);
  }
}
