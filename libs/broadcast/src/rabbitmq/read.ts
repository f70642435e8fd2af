import type { Channel, ConsumeMessage } from 'amqplib';
import { LogUnavailableError, type LogEntry, type LogOffset, type LogStart } from '../log/log-adapter.js';
import type { Connection } from './connection.js';
import { closeQuietly, consume, entryOf, isEnd, newEndType, offsetOf } from './stream.js';

const MAX_PREFETCH = 128;
/** ms without a message after which the end of the stream is looked for. */
const SILENCE = 100;

/** A consumer that reads some entries of a stream, and ends. */
export class Read {
  readonly #entries: LogEntry[] = [];
  /** The place of the latest entry, whether it is returned or not. */
  #last: LogOffset = -1;
  /** Every entry that was stored before the call lies before it. */
  #end: LogOffset | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isFindingEnd = false;
  #isDone = false;
  #resolve: (entries: LogEntry[]) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  /** @param mark appends an empty entry of an AMQP type. */
  constructor(
    private readonly connection: Connection,
    private readonly queue: string,
    private readonly start: LogStart,
    private readonly limit: number,
    private readonly mark: (type: string) => Promise<void>,
  ) {}

  /**
   * Resolves with fewer entries than the limit only at the end of the stream.
   *
   * @throws Error also when the signal aborts, unless the server does not even open a channel.
   */
  async entries(signal: AbortSignal): Promise<readonly LogEntry[]> {
    const channel = await this.connection.channel();
    let reason = 'the channel was closed';
    channel.on('error', ({ message }) => {
      reason = message;
    });
    channel.on('close', () => this.#reject(new LogUnavailableError(reason)));
    const done = new Promise<LogEntry[]>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const onAbort = (): void => this.#reject(new LogUnavailableError('no answer in time'));
    signal.addEventListener('abort', onAbort);
    done.catch(() => undefined);
    try {
      if (signal.aborted) onAbort();
      const prefetch = Math.min(this.limit, MAX_PREFETCH);
      await consume(channel, this.queue, this.start, prefetch, (message) => this.#onMessage(channel, message));
      this.#listen(channel);
      return await done;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#finish();
      closeQuietly(channel);
    }
  }

  #onMessage(channel: Channel, message: ConsumeMessage | null): void {
    if (this.#isDone) return;
    if (message === null) return this.#reject(new LogUnavailableError('the server has ended the consumer'));
    channel.ack(message);
    this.#last = offsetOf(message);
    if (this.#end !== undefined && this.#last >= this.#end) return this.#finish();
    if (!isEnd(message)) this.#entries.push(entryOf(message));
    if (this.#entries.length >= this.limit) return this.#finish();
    this.#listen(channel);
  }

  #finish(): void {
    this.#isDone = true;
    clearTimeout(this.#timer);
    this.#resolve(this.#entries);
  }

  /** At the end of a stream, and beyond it, a consumer waits in silence. */
  #listen(channel: Channel): void {
    if (this.#isFindingEnd || this.#isDone) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#findEnd(channel).catch((error: unknown) => this.#reject(error));
    }, SILENCE);
  }

  async #findEnd(channel: Channel): Promise<void> {
    this.#isFindingEnd = true;
    const type = newEndType();
    await consume(channel, this.queue, 'next', MAX_PREFETCH, (message) => {
      if (message === null || this.#isDone) return;
      channel.ack(message);
      if (message.properties.type === type) this.#endAt(offsetOf(message));
    });
    await this.mark(type);
  }

  #endAt(end: LogOffset): void {
    this.#end = end;
    const isBeyond = typeof this.start === 'object' && 'offset' in this.start && this.start.offset >= end;
    if (isBeyond || this.#last >= end) this.#finish();
  }
}
