import type { ConsumerConfig } from '@nats-io/jetstream';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { LogEntry, LogOffset, LogStart } from '../log/log-adapter.js';
import type { Session } from './connection.js';
import { ApiCode, apiCodeOf, unavailable } from './errors.js';

export interface ReaderEvents {
  /** In order, each once, without a hole. */
  onEntries(entries: readonly LogEntry[]): void;
  /** Called once. @param isCut whether entries are gone that were read, or were to be read. */
  onEnd(reason: string, isCut: boolean): void;
}

/** ms between the server's signs of life to a reader that has nothing to read. */
export const HEARTBEAT = 500;
/** Heartbeats without any, after which the reader ends. */
const MAX_SILENT = 4;
/** ms after which the server forgets a reader that is gone. */
const FORGOTTEN_AFTER = 5_000;
const NS_PER_MS = 1_000_000;
const EMPTY = new Uint8Array();

/**
 * Reads a stream by an ephemeral push consumer. Unlike the library's ordered consumer it does not continue by itself after a
 * failure: entries may be gone by then.
 *
 * https://docs.nats.io/nats-concepts/jetstream/consumers
 */
export class Reader {
  readonly #inbox: string;
  readonly #subscription: Subscription;
  #entries: LogEntry[] = [];
  /** The number of messages that the consumer has delivered. */
  #delivered = 0;
  /** The entry that was read last. */
  #last: LogOffset | undefined;
  #silent = 0;
  #incarnation: string | undefined;
  #isEnded = false;

  constructor(
    private readonly session: Session,
    private readonly stream: string,
    private readonly subject: string,
    private readonly start: LogStart,
    private readonly events: ReaderEvents,
  ) {
    this.#inbox = session.createInbox();
    this.#subscription = session.connection.subscribe(this.#inbox, {
      callback: (error, message) => (error === null ? this.#receive(message) : this.#end(unavailable(error).message)),
    });
  }

  /** Creates the consumer. Never rejects. Returns the number of entries that are there to be read. */
  async begin(): Promise<number> {
    const { streams, consumers } = this.session.manager;
    try {
      const { created, state } = await streams.info(this.stream);
      this.#incarnation = created;
      if (typeof this.start === 'object' && 'offset' in this.start && this.start.offset > state.last_seq + 1) {
        this.#end(`stream ${this.stream} ends before entry ${this.start.offset}`, true);
      }
      if (this.#isEnded) return 0;
      const { num_pending: pending, delivered } = await consumers.add(this.stream, this.#config());
      return pending + delivered.consumer_seq;
    } catch (error) {
      const isMissing = apiCodeOf(error) === ApiCode.streamNotFound;
      this.#end(isMissing ? `stream ${this.stream} does not exist` : unavailable(error).message, isMissing);
      return 0;
    }
  }

  /** Called every {@link HEARTBEAT} ms. */
  tick(): void {
    this.#silent += 1;
    if (this.#silent > MAX_SILENT && !this.#isEnded) this.#diagnose().catch(() => undefined);
  }

  /** No event follows. */
  stop(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#subscription.unsubscribe();
  }

  #config(): Partial<ConsumerConfig> {
    return {
      deliver_subject: this.#inbox,
      ack_policy: 'none',
      ...position(this.start),
      flow_control: true,
      idle_heartbeat: HEARTBEAT * NS_PER_MS,
      inactive_threshold: FORGOTTEN_AFTER * NS_PER_MS,
      // It lives no longer than this reader.
      mem_storage: true,
      num_replicas: 1,
    };
  }

  #receive(message: Msg): void {
    if (this.#isEnded) return;
    this.#silent = 0;
    if (message.headers?.code === 100) this.#receiveStatus(message);
    else this.#receiveEntry(message);
  }

  #receiveStatus(message: Msg): void {
    // Flow control: the server waits for the reply before it sends more.
    const stalled = message.headers?.get('Nats-Consumer-Stalled') ?? '';
    if (message.respond() || stalled === '') {
      // A heartbeat has the number of messages that were delivered.
      const delivered = Number(message.headers?.get('Nats-Last-Consumer') ?? '');
      if (delivered > this.#delivered) this.#end('entries were lost on the way');
    } else {
      this.session.connection.publish(stalled);
    }
  }

  #receiveEntry({ reply = '', subject, data }: Msg): void {
    const { delivered, offset, time } = parseReply(reply);
    if (delivered !== this.#delivered + 1) {
      this.#end('entries were lost on the way');
      return;
    }
    const isHole = this.#last !== undefined && offset !== this.#last + 1;
    const isBefore = typeof this.start === 'object' && 'offset' in this.start && offset < this.start.offset;
    if (isHole || isBefore) {
      // The stream has no holes: see deny_delete.
      this.#end(`entries of stream ${this.stream} are gone before ${offset}`, true);
      return;
    }
    this.#delivered = delivered;
    this.#last = offset;
    if (this.#entries.length === 0) queueMicrotask(() => this.#flush());
    this.#entries.push({ offset, time, data: subject === this.subject ? data : EMPTY });
  }

  /** Hands out what arrived together. */
  #flush(): void {
    const entries = this.#entries;
    this.#entries = [];
    if (entries.length > 0 && !this.#isEnded) this.events.onEntries(entries);
  }

  /** Finds out why the server is silent: it does not say that it deleted a stream. */
  async #diagnose(): Promise<void> {
    this.#silent = Number.NEGATIVE_INFINITY;
    let isCut = false;
    try {
      const { created, state } = await this.session.manager.streams.info(this.stream);
      isCut = created !== this.#incarnation || state.last_seq < (this.#last ?? 0);
    } catch (error) {
      isCut = apiCodeOf(error) === ApiCode.streamNotFound;
    }
    this.#end(isCut ? `stream ${this.stream} was deleted` : 'the server has stopped sending', isCut);
  }

  #end(reason: string, isCut = false): void {
    if (this.#isEnded) return;
    this.#flush();
    this.stop();
    this.events.onEnd(reason, isCut);
  }
}

function position(start: LogStart): Partial<ConsumerConfig> {
  if (start === 'first') return { deliver_policy: 'all' };
  if (start === 'next') return { deliver_policy: 'new' };
  if ('time' in start) {
    return { deliver_policy: 'by_start_time', opt_start_time: new Date(start.time).toISOString() };
  }
  return { deliver_policy: 'by_start_sequence', opt_start_seq: Math.max(start.offset, 1) };
}

/**
 * The reply subject of a message has its place. Tokens may have been added at its front (a domain and an account), but not to
 * those of the message:
 * https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-15.md
 */
function parseReply(reply: string): { delivered: number; offset: LogOffset; time: number } {
  const tokens = reply.split('.');
  const shift = tokens.length > 9 ? 2 : 0;
  const [offset, delivered, nanoseconds] = tokens.slice(5 + shift, 8 + shift).map(Number);
  return {
    offset: offset ?? Number.NaN,
    delivered: delivered ?? Number.NaN,
    time: Math.floor((nanoseconds ?? Number.NaN) / NS_PER_MS),
  };
}
