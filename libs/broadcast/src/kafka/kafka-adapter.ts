import {
  LogUnavailableError,
  type LogAdapter,
  type LogAdapterEvents,
  type LogBounds,
  type LogEntry,
  type LogStart,
  type LogTraits,
} from '../log/log-adapter.js';
import { Appender } from './appender.js';
import { Brokers, type LinkKind } from './brokers.js';
import type { KafkaClient } from './client.js';
import { BrokerConnection } from './connection.js';
import { loadKafka } from './library.js';
import { Metadata } from './metadata.js';
import { Reader } from './reader.js';
import { readBounds, readEntries } from './reads.js';
import { reasonOf } from './reasons.js';
import { openTopic } from './topic.js';
import { presentSettings, type KafkaSettings } from './url.js';

/** ms within which a broker has to answer; otherwise the connection is closed. A long poll takes longer. */
const REQUEST_TIMEOUT: Readonly<Record<LinkKind, number>> = { calls: 2_500, fetches: 2_000 };

/** Bytes of a batch with one record, apart from its value: https://kafka.apache.org/documentation/#recordbatch */
const OVERHEAD = 128;
/** Bytes of a batch: the server's own default. */
const MAX_BATCH = 1_048_588;

/** What exists while the library is loaded. */
interface Parts {
  readonly client: KafkaClient;
  readonly appender: Appender;
  readonly reader: Reader;
}

/** A log in a topic of Kafka. https://kafka.apache.org/protocol */
export class KafkaAdapter implements LogAdapter {
  readonly #settings: () => KafkaSettings;
  #parts: Parts | undefined;
  #loading: Promise<Parts> | undefined;
  #maxBatch = MAX_BATCH;
  #partitions = 0;
  #closed = false;

  /**
   * @param url is called again for each connection: the password and files in it may change.
   * @throws BrokerUrlError
   */
  constructor(url: () => string) {
    this.#settings = presentSettings(url);
  }

  get traits(): LogTraits {
    // The engine waits for each answer: a second append of a partition could overtake the first on another connection.
    return { replay: true, bounds: true, clock: true, maxEntry: this.#maxBatch - OVERHEAD, appendsAtOnce: 1 };
  }

  get partitions(): number {
    return this.#partitions;
  }

  /** ms for which the log has to keep what the broker needs: the window of the broker's settings. */
  get window(): number {
    return this.#settings().window;
  }

  start(events: LogAdapterEvents): void {
    this.#loading = this.#load(events);
    this.#loading.then(
      ({ client }) => client.metadata.outdated(),
      (error: unknown) => {
        if (!this.#closed) events.onProblem(reasonOf(error));
      },
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#loading?.catch(() => undefined);
    if (this.#parts === undefined) return;
    const { client, reader } = this.#parts;
    reader.close();
    client.metadata.close();
    client.brokers.close();
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#settle(signal, async ({ client }) => {
      const { maxBatch, partitions } = await openTopic(client, this.#settings(), signal);
      this.#maxBatch = maxBatch;
      this.#partitions = partitions;
    });
  }

  async append(partition: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#check(signal);
    if (data.length > this.traits.maxEntry) throw new LogUnavailableError('the entry is too large');
    const { appender } = await this.#loaded();
    await appender.append(partition, data, signal);
  }

  tail(partition: number, start: LogStart): void {
    this.#parts?.reader.tail(partition, start);
  }

  async bounds(partition: number, signal: AbortSignal): Promise<LogBounds> {
    return this.#settle(signal, async ({ client }) => readBounds(client, partition));
  }

  async read(partition: number, start: LogStart, limit: number, signal: AbortSignal): Promise<readonly LogEntry[]> {
    return this.#settle(signal, async ({ client }) => readEntries(client, partition, start, limit, signal));
  }

  async #load(events: LogAdapterEvents): Promise<Parts> {
    const library = await loadKafka();
    const { bootstrap, topic } = this.#settings();
    const brokers = new Brokers(
      bootstrap,
      async (address, kind, signal) =>
        BrokerConnection.open(library, address, this.#settings(), REQUEST_TIMEOUT[kind], signal),
      () => metadata.outdated(),
    );
    const metadata = new Metadata(library, brokers, topic, (reason) => events.onProblem(reason));
    const client = { library, brokers, metadata, topic };
    this.#parts = { client, appender: new Appender(client), reader: new Reader(client, events) };
    return this.#parts;
  }

  async #loaded(): Promise<Parts> {
    if (this.#loading === undefined) throw new LogUnavailableError('the adapter has not been started');
    return this.#loading;
  }

  #check(signal: AbortSignal): void {
    if (this.#closed) throw new LogUnavailableError('the adapter is closed');
    if (signal.aborted) throw new LogUnavailableError('aborted before it began');
  }

  /** For a call that changes nothing: rejects when the signal aborts, and with no other error than LogUnavailableError. */
  async #settle<T>(signal: AbortSignal, work: (parts: Parts) => Promise<T>): Promise<T> {
    this.#check(signal);
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(new LogUnavailableError('no answer in time'));
    signal.addEventListener('abort', onAbort);
    try {
      return await Promise.race([this.#loaded().then(work), aborted.promise]);
    } catch (error) {
      throw error instanceof LogUnavailableError ? error : new LogUnavailableError(reasonOf(error));
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}
