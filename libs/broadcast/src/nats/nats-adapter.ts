import type { StreamInfo } from '@nats-io/jetstream';
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
import { FORGET_CALL, type Session } from './connection.js';
import { ApiCode, apiCodeOf, isNoResponders, messageOf, permissionProblem, unavailable } from './errors.js';
import { loadLibrary } from './library.js';
import { Link } from './link.js';
import { readEntries } from './read.js';
import { HEARTBEAT, Reader } from './reader.js';
import { settled } from './settled.js';
import { openStreams, streamOf, subjectOf } from './streams.js';
import { presentSettings, type NatsSettings } from './url.js';

/** JetStream's acknowledgement: a sequence, or an error. */
interface Acknowledgement {
  readonly error?: { readonly err_code?: number; readonly description?: string };
}

/** The server stores what one connection sends in that order. More entries on their way at once would be smaller ones. */
const APPENDS_AT_ONCE = 2;

const NOT_CONNECTED = 'not connected yet';

/** A log on NATS JetStream: a stream for each partition. */
export class NatsAdapter implements LogAdapter {
  readonly #settings: NatsSettings;
  /** Appends and other calls. */
  readonly #calls: Link;
  /** Readers have a connection of their own: an entry waits for no answer of another call. */
  readonly #tails: Link;
  readonly #readers = new Map<number, Reader>();
  #events: LogAdapterEvents | undefined;
  /** Why each connection is down. */
  readonly #problems = new Map<Link, string>();
  #problem: string | undefined = NOT_CONNECTED;
  #maxEntry = 0;
  #partitions = 0;
  #ticks: NodeJS.Timeout | undefined;
  #isClosed = false;

  /**
   * @param url returns the current URL: its credentials, and those in the files that it names, may change.
   * @throws BrokerUrlError
   */
  constructor(url: () => string) {
    this.#settings = presentSettings(url);
    this.#calls = this.#link('calls');
    this.#tails = this.#link('readers');
  }

  get traits(): LogTraits {
    return { replay: true, bounds: true, clock: true, maxEntry: this.#maxEntry, appendsAtOnce: APPENDS_AT_ONCE };
  }

  get partitions(): number {
    return this.#partitions;
  }

  start(events: LogAdapterEvents): void {
    this.#events = events;
    this.#ticks = setInterval(() => {
      for (const reader of this.#readers.values()) reader.tick();
    }, HEARTBEAT);
    this.#connect().catch((error: unknown) => this.#report(messageOf(error)));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#ticks);
    for (const reader of this.#readers.values()) reader.stop();
    this.#readers.clear();
    await Promise.all([this.#calls.close(), this.#tails.close()]);
  }

  async open(signal: AbortSignal): Promise<void> {
    const { partitions, maxEntry } = await openStreams(this.#session(signal), this.#settings, signal);
    this.#partitions = partitions;
    this.#maxEntry = maxEntry;
  }

  async append(partition: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    const { connection } = this.#session(signal);
    if (data.length > this.#maxEntry) throw new LogUnavailableError('the entry exceeds max_payload of the NATS server');
    const subject = subjectOf(this.#settings.prefix, partition);
    let answer: Acknowledgement;
    try {
      const message = await settled(connection.request(subject, data, { timeout: FORGET_CALL }), signal);
      answer = message.json<Acknowledgement>();
    } catch (error) {
      const permission = permissionProblem(error);
      if (permission !== undefined) throw permission;
      if (isNoResponders(error)) throw unavailable(error);
      throw new LogUnknownError(messageOf(error), { cause: error });
    }
    const { error } = answer;
    if (error === undefined) return;
    const reason = `JetStream refuses the entry: ${error.description ?? 'no reason given'}`;
    throw error.err_code === ApiCode.storeFailed ? new LogUnknownError(reason) : new LogUnavailableError(reason);
  }

  tail(partition: number, start: LogStart): void {
    this.#readers.get(partition)?.stop();
    this.#readers.delete(partition);
    const session = this.#tails.session;
    if (session === undefined) {
      queueMicrotask(() => {
        if (!this.#readers.has(partition)) this.#interrupt(partition, this.#problem ?? NOT_CONNECTED, false);
      });
      return;
    }
    const [stream, subject] = this.#namesOf(partition);
    const reader = new Reader(session, stream, subject, start, {
      onEntries: (entries) => this.#events?.onEntries(partition, entries),
      onEnd: (reason, isCut) => {
        this.#readers.delete(partition);
        this.#interrupt(partition, reason, isCut);
        if (isCut) this.#infoOf(partition, AbortSignal.timeout(FORGET_CALL)).catch(() => undefined);
      },
    });
    this.#readers.set(partition, reader);
    reader.begin().catch(() => undefined);
  }

  async bounds(partition: number, signal: AbortSignal): Promise<LogBounds> {
    const { created, state } = await this.#infoOf(partition, signal);
    const next = state.last_seq + 1;
    return { incarnation: created, first: state.messages === 0 ? next : state.first_seq, next };
  }

  async read(partition: number, start: LogStart, limit: number, signal: AbortSignal): Promise<readonly LogEntry[]> {
    const { first, next } = await this.bounds(partition, signal);
    const isAtEnd = start === 'next' || (typeof start === 'object' && 'offset' in start && start.offset >= next);
    if (first === next || isAtEnd) return [];
    const [stream, subject] = this.#namesOf(partition);
    return readEntries(this.#session(signal), stream, subject, { start, limit, last: next - 1 }, signal);
  }

  async #connect(): Promise<void> {
    const library = await loadLibrary();
    if (this.#isClosed) return;
    this.#calls.start(library);
    this.#tails.start(library);
  }

  #link(use: string): Link {
    const link: Link = new Link(this.#settings, `holdfast ${use}`, {
      onUp: () => {
        this.#problems.delete(link);
        this.#report([...this.#problems.values()][0]);
      },
      onDown: (reason) => {
        this.#problems.set(link, reason);
        this.#report(reason);
        if (link === this.#tails) this.#endReaders(reason);
      },
    });
    this.#problems.set(link, NOT_CONNECTED);
    return link;
  }

  #session(signal: AbortSignal): Session {
    if (signal.aborted) throw new LogUnavailableError('there was no time left');
    const { session } = this.#calls;
    if (session === undefined) throw new LogUnavailableError(this.#problem ?? NOT_CONNECTED);
    return session;
  }

  #namesOf(partition: number): [stream: string, subject: string] {
    const { prefix } = this.#settings;
    return [streamOf(prefix, partition), subjectOf(prefix, partition)];
  }

  async #infoOf(partition: number, signal: AbortSignal): Promise<StreamInfo> {
    const [stream] = this.#namesOf(partition);
    try {
      return await settled(this.#session(signal).manager.streams.info(stream), signal);
    } catch (error) {
      if (apiCodeOf(error) === ApiCode.streamNotFound) this.#reopen(`stream ${stream} does not exist`);
      throw unavailable(error);
    }
  }

  /** Makes a problem of a log that is not there any more: `open` follows, which creates it. */
  #reopen(reason: string): void {
    for (const link of [this.#calls, this.#tails]) link.reset(reason);
  }

  #endReaders(reason: string): void {
    const partitions = [...this.#readers.keys()];
    for (const reader of this.#readers.values()) reader.stop();
    this.#readers.clear();
    for (const partition of partitions) this.#interrupt(partition, reason, false);
  }

  #interrupt(partition: number, reason: string, isCut: boolean): void {
    if (!this.#isClosed) this.#events?.onInterrupted(partition, reason, isCut);
  }

  #report(problem: string | undefined): void {
    if (this.#isClosed || problem === this.#problem) return;
    this.#problem = problem;
    this.#events?.onProblem(problem);
  }
}
