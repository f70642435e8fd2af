import type { StreamInfo } from '@nats-io/jetstream';
import {
  LogUnavailableError,
  type LogAdapter,
  type LogAdapterEvents,
  type LogBounds,
  type LogEntry,
  type LogStart,
  type LogTraits,
} from '../log/log-adapter.js';
import { partitionOf } from '../log/partition-of.js';
import { append } from './append.js';
import { FORGET_CALL, type Session } from './connection.js';
import { ApiCode, apiCodeOf, messageOf, unavailable } from './errors.js';
import { firstOf, readEntries } from './fetch.js';
import { forwardAll, forwardMessage, openInbox, type InboxMessage } from './inbox.js';
import { loadLibrary } from './library.js';
import { Link } from './link.js';
import { settled } from '../log/settled.js';
import { namesOf, openStreams, type PartitionNames } from './streams.js';
import { Tail, TICK } from './tail.js';
import { presentSettings, type NatsSettings } from './url.js';

/** The server stores what one connection sends in that order. More entries on their way at once would be smaller ones. */
const APPENDS_AT_ONCE = 2;

const NOT_CONNECTED = 'not connected yet';

/** A log on NATS JetStream: a stream for each partition. */
export class NatsAdapter implements LogAdapter {
  readonly #settings: NatsSettings;
  readonly #hasInbox: boolean;
  /** Appends and other calls. */
  readonly #calls: Link;
  /** Tails have a connection of their own: an entry waits for no answer to another call. */
  readonly #reading: Link;
  readonly #tails = new Map<number, Tail>();
  #events: LogAdapterEvents | undefined;
  /** Why each connection is down. */
  readonly #problems = new Map<Link, LogUnavailableError>();
  #problem: string | undefined = NOT_CONNECTED;
  #maxEntry = 0;
  #partitions = 0;
  #ticks: NodeJS.Timeout | undefined;
  /** What forwards the messages of backends, and its connection. */
  #forwarding: { readonly session: Session; readonly ended: Promise<void> } | undefined;
  readonly #closing = new AbortController();

  /**
   * @param url returns the current URL: its credentials, and those in the files that it names, may change.
   * @param options.inbox whether backends may publish on `PREFIX.publish.CHANNEL`.
   * @throws BrokerUrlError
   */
  constructor(url: () => string, { inbox = false }: { readonly inbox?: boolean } = {}) {
    this.#settings = presentSettings(url);
    this.#hasInbox = inbox;
    this.#calls = this.#link('calls');
    this.#reading = this.#link('tails');
  }

  get traits(): LogTraits {
    return { replay: true, bounds: true, clock: true, maxEntry: this.#maxEntry, appendsAtOnce: APPENDS_AT_ONCE };
  }

  get partitions(): number {
    return this.#partitions;
  }

  /** ms for which the log has to keep what the broker needs: the window of the broker's settings. */
  get window(): number {
    return this.#settings.window;
  }

  start(events: LogAdapterEvents): void {
    this.#events = events;
    this.#ticks = setInterval(() => {
      for (const tail of this.#tails.values()) tail.tick();
    }, TICK);
    this.#connect().catch((error: unknown) => this.#report(messageOf(error)));
  }

  async close(): Promise<void> {
    clearInterval(this.#ticks);
    for (const tail of this.#tails.values()) tail.stop();
    this.#tails.clear();
    this.#closing.abort();
    await this.#forwarding?.ended;
    await Promise.all([this.#calls.close(), this.#reading.close()]);
  }

  async open(signal: AbortSignal): Promise<void> {
    const session = this.#session(signal);
    const { partitions, maxEntry } = await openStreams(session, this.#settings, signal);
    this.#partitions = partitions;
    this.#maxEntry = maxEntry;
    if (this.#hasInbox) await this.#forwardInbox(session, signal);
  }

  async append(partition: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    const session = this.#session(signal);
    if (data.length > this.#maxEntry) throw new LogUnavailableError('the entry exceeds max_payload of the NATS server');
    const offset = await append(session, this.#namesOf(partition).subject, data, signal);
    this.#tails.get(partition)?.expect(offset);
  }

  tail(partition: number, start: LogStart): void {
    this.#tails.get(partition)?.stop();
    this.#tails.delete(partition);
    const { session } = this.#reading;
    if (session === undefined) {
      queueMicrotask(() => {
        if (!this.#tails.has(partition)) this.#interrupt(partition, this.#problem ?? NOT_CONNECTED, false);
      });
      return;
    }
    const tail = new Tail(session, this.#namesOf(partition), start, {
      onEntries: (entries) => this.#events?.onEntries(partition, entries),
      onEnd: (reason, isCut) => {
        this.#tails.delete(partition);
        this.#interrupt(partition, reason, isCut);
        if (isCut) this.#infoOf(partition, AbortSignal.timeout(FORGET_CALL)).catch(() => undefined);
      },
    });
    this.#tails.set(partition, tail);
  }

  async bounds(partition: number, signal: AbortSignal): Promise<LogBounds> {
    const { created, state } = await this.#infoOf(partition, signal);
    return { incarnation: created, first: firstOf(state), next: state.last_seq + 1 };
  }

  async read(partition: number, start: LogStart, limit: number, signal: AbortSignal): Promise<readonly LogEntry[]> {
    const { state } = await this.#infoOf(partition, signal);
    return readEntries(this.#session(signal), this.#namesOf(partition), { start, limit, state }, signal);
  }

  async #connect(): Promise<void> {
    const library = await loadLibrary();
    if (this.#closing.signal.aborted) return;
    this.#calls.start(library);
    this.#reading.start(library);
  }

  async #forwardInbox(session: Session, signal: AbortSignal): Promise<void> {
    await openInbox(session, this.#settings, signal);
    if (this.#forwarding?.session === session || this.#closing.signal.aborted) return;
    const forward = async (message: InboxMessage): Promise<void> => {
      const { subject } = this.#namesOf(partitionOf(message.channel, this.#partitions));
      await forwardMessage(session, message, subject, this.#maxEntry);
    };
    this.#forwarding = { session, ended: forwardAll(session, this.#settings.prefix, forward, this.#closing.signal) };
  }

  #link(use: string): Link {
    const link: Link = new Link(this.#settings, `holdfast ${use}`, {
      onUp: () => {
        this.#problems.delete(link);
        this.#report([...this.#problems.values()][0]?.message);
      },
      onDown: (problem) => {
        this.#problems.set(link, problem);
        this.#report(problem.message);
        if (link === this.#reading) this.#endTails(problem.message);
      },
    });
    this.#problems.set(link, new LogUnavailableError(NOT_CONNECTED));
    return link;
  }

  #session(signal: AbortSignal): Session {
    if (signal.aborted) throw new LogUnavailableError('there was no time left');
    const { session } = this.#calls;
    if (session === undefined) throw this.#problems.get(this.#calls) ?? new LogUnavailableError(NOT_CONNECTED);
    return session;
  }

  #namesOf(partition: number): PartitionNames {
    return namesOf(this.#settings.prefix, partition);
  }

  async #infoOf(partition: number, signal: AbortSignal): Promise<StreamInfo> {
    const { stream } = this.#namesOf(partition);
    try {
      return await settled(this.#session(signal).manager.streams.info(stream), signal);
    } catch (error) {
      if (apiCodeOf(error) === ApiCode.streamNotFound) this.#reopen(`stream ${stream} does not exist`);
      throw unavailable(error);
    }
  }

  /** Makes a problem of a log that is not there any more: `open` follows, which creates it. */
  #reopen(reason: string): void {
    for (const link of [this.#calls, this.#reading]) link.reset(reason);
  }

  #endTails(reason: string): void {
    const partitions = [...this.#tails.keys()];
    for (const tail of this.#tails.values()) tail.stop();
    this.#tails.clear();
    for (const partition of partitions) this.#interrupt(partition, reason, false);
  }

  #interrupt(partition: number, reason: string, isCut: boolean): void {
    if (!this.#closing.signal.aborted) this.#events?.onInterrupted(partition, reason, isCut);
  }

  #report(problem: string | undefined): void {
    if (this.#closing.signal.aborted || problem === this.#problem) return;
    this.#problem = problem;
    this.#events?.onProblem(problem);
  }
}
