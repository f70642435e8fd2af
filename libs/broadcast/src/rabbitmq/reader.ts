import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { LogEntry, LogOffset, LogStart } from '../log/log-adapter.js';
import type { Connection } from './connection.js';
import { codeOf, messageOf, ReplyCode } from './errors.js';
import { exists } from './topology.js';
import { closeQuietly, consume, entryOf, isEnd, offsetOf } from './stream.js';

const PREFETCH = 128;
const ACKNOWLEDGED_AT_ONCE = PREFETCH / 4;
/** ms. The server closes a channel whose messages are not acknowledged for 30 minutes. */
const ACKNOWLEDGED_WITHIN = 1_000;
/** ms for which a node may have no replica of the stream: while it starts, or while a leader is elected. */
const REPLICA_WITHIN = 3_000;
const REPLICA_PAUSE = 100;

export interface ReaderEvents {
  onEntries(entries: readonly LogEntry[]): void;
  /** The queue was deleted: creates it again. */
  recreate(): Promise<void>;
  /** Called once, unless the reader is stopped before. */
  onEnd(reason: string, isCut: boolean): void;
}

/** Reads one stream from a place on, on a channel of its own. */
export class Reader {
  #channel: Channel | undefined;
  #batch: LogEntry[] = [];
  #unacknowledged: ConsumeMessage | undefined;
  #unacknowledgedCount = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The place of the latest entry, whether it was handed on or not. */
  #last: LogOffset | undefined;
  /** The place before a hole that was read twice. */
  #hole: LogOffset | undefined;
  /** Whether the entry at {@link #last} is read once more. */
  #isRepeating = false;
  #isStopped = false;

  constructor(
    private readonly link: { readonly connection: Connection },
    private readonly queue: string,
    private readonly events: ReaderEvents,
  ) {}

  /** If there is no connection, {@link ReaderEvents.onEnd} is called soon. @returns resolves when the place is taken, or is not. */
  async start(start: LogStart): Promise<void> {
    try {
      await this.#attach(start);
    } catch (error) {
      await this.#failed(error);
    }
  }

  /** No event follows. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#detach();
  }

  async #attach(start: LogStart): Promise<void> {
    const deadline = performance.now() + REPLICA_WITHIN;
    while (!this.#isStopped) {
      const { connection } = this.link;
      const channel = await connection.channel();
      let isAttached = false;
      let reason = 'the channel was closed';
      channel.on('error', ({ message }) => {
        reason = message;
      });
      channel.on('close', () => {
        if (isAttached && this.#channel === channel) this.#end(reason, false);
      });
      this.#channel = channel;
      if (this.#isStopped) return this.#detach();
      try {
        await consume(channel, this.queue, start, PREFETCH, (message) => this.#onMessage(channel, message));
        isAttached = true;
        return;
      } catch (error) {
        if (!isWithoutReplica(error)) throw error;
        // Another node may have one.
        if (performance.now() > deadline) connection.abandon('the node has no replica of a stream');
        await sleep(REPLICA_PAUSE);
      }
    }
  }

  #onMessage(channel: Channel, message: ConsumeMessage | null): void {
    if (this.#isStopped || this.#channel !== channel) return;
    if (message === null) {
      this.#detach();
      this.#ended('the server has ended the consumer').catch(() => undefined);
      return;
    }
    this.#acknowledge(message);
    const offset = offsetOf(message);
    const last = this.#last;
    if (this.#isRepeating) {
      this.#isRepeating = false;
      if (offset !== last) this.#end('the latest entry is not where it was', false);
      return;
    }
    if (last !== undefined && offset <= last) return this.#end('an entry was delivered again', false);
    if (last !== undefined && offset > last + 1 && this.#hole !== last) {
      // RabbitMQ leaves a hole where a segment of the stream begins. Any other hole would be a loss: it is read again.
      this.#hole = last;
      this.#isRepeating = true;
      this.#detach();
      this.start({ offset: last }).catch(() => undefined);
      return;
    }
    this.#last = offset;
    if (isEnd(message)) return;
    this.#batch.push(entryOf(message));
    if (this.#batch.length === 1) queueMicrotask(() => this.#handOn());
  }

  /** Everything that came in one piece from the socket. */
  #handOn(): void {
    const entries = this.#batch;
    this.#batch = [];
    if (!this.#isStopped) this.events.onEntries(entries);
  }

  #acknowledge(message: ConsumeMessage): void {
    this.#unacknowledged = message;
    this.#unacknowledgedCount += 1;
    if (this.#unacknowledgedCount >= ACKNOWLEDGED_AT_ONCE) this.#sendAcknowledgement();
    else this.#timer ??= setTimeout(() => this.#sendAcknowledgement(), ACKNOWLEDGED_WITHIN);
  }

  #sendAcknowledgement(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const message = this.#unacknowledged;
    this.#unacknowledged = undefined;
    this.#unacknowledgedCount = 0;
    if (message === undefined) return;
    try {
      this.#channel?.ack(message, true);
    } catch {
      // The channel is closing, and reports that.
    }
  }

  /** Closes the channel without an event. */
  #detach(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    this.#unacknowledged = undefined;
    this.#unacknowledgedCount = 0;
    if (channel !== undefined) closeQuietly(channel);
  }

  async #failed(error: unknown): Promise<void> {
    if (codeOf(error) === ReplyCode.notFound) await this.#ended(messageOf(error));
    else this.#end(messageOf(error), false);
  }

  /** The server has ended the consumer: because of a deleted queue, or of a node that stops. */
  async #ended(reason: string): Promise<void> {
    let isDeleted = false;
    try {
      isDeleted = !(await exists(this.link.connection, this.queue));
      if (isDeleted) await this.events.recreate();
    } catch {
      // The next reader meets the same problem, and reports it.
    }
    this.#end(isDeleted ? 'the queue was deleted' : reason, isDeleted);
  }

  #end(reason: string, isCut: boolean): void {
    if (this.#isStopped) return;
    this.stop();
    this.events.onEnd(reason, isCut);
  }
}

function isWithoutReplica(error: unknown): boolean {
  return codeOf(error) === ReplyCode.preconditionFailed && messageOf(error).includes('running replica');
}
