import type { ConfirmChannel, Options } from 'amqplib';
import { LogUnavailableError, LogUnknownError } from '../log/log-adapter.js';
import type { Connection } from './connection.js';
import { routingKey } from './topology.js';

/**
 * Bytes that may wait for their confirmation: the library queues without a limit what the server does not read, and an append
 * that was given up cannot be taken back.
 */
const MAX_UNCONFIRMED = 64 * 1_024 * 1_024;

interface Pending {
  readonly settle: (error: Error | undefined) => void;
  isReturned: boolean;
}

/** Appends on one connection. */
export class Appender {
  /** Why the server reads nothing; undefined if it does. */
  blocked: string | undefined;
  readonly #pending = new Map<string, Pending>();
  #unconfirmed = 0;
  #sent = 0;
  #isOpen = true;

  private constructor(
    private readonly channel: ConfirmChannel,
    private readonly exchange: string,
  ) {
    // Comes before the confirmation: the queue does not exist, and nothing was stored.
    channel.on('return', ({ properties }) => {
      const pending = this.#pending.get(`${properties.messageId}`);
      if (pending !== undefined) pending.isReturned = true;
    });
    channel.on('close', () => {
      this.#isOpen = false;
    });
  }

  /** @throws Error if the channel cannot be opened. */
  static async open(connection: Connection, exchange: string): Promise<Appender> {
    const channel = await connection.confirmChannel();
    // The server closes it if it refuses a message: what it says about that is found by opening the log again.
    channel.on('error', ({ message }) => connection.abandon(message));
    return new Appender(channel, exchange);
  }

  /**
   * Resolves when the entry is stored: on a cluster, on a majority of the stream's replicas.
   *
   * @param properties of AMQP.
   * @throws LogUnavailableError
   * @throws LogUnknownError
   */
  async append(
    partition: number,
    data: Uint8Array,
    signal: AbortSignal,
    properties: Options.Publish = {},
  ): Promise<void> {
    if (signal.aborted) throw new LogUnavailableError('aborted before it began');
    if (!this.#isOpen) throw new LogUnavailableError('the connection was lost');
    if (this.blocked !== undefined) throw new LogUnavailableError(this.blocked);
    if (this.#unconfirmed + data.length > MAX_UNCONFIRMED && this.#unconfirmed > 0) {
      throw new LogUnavailableError('the server confirms too slowly');
    }
    await new Promise<void>((resolve, reject) => {
      const id = `${(this.#sent += 1)}`;
      const onAbort = (): void => reject(new LogUnknownError('not confirmed in time'));
      const settle = (error: Error | undefined): void => {
        signal.removeEventListener('abort', onAbort);
        this.#pending.delete(id);
        this.#unconfirmed -= data.length;
        if (error === undefined) resolve();
        else reject(error);
      };
      const pending: Pending = { settle, isReturned: false };
      this.#pending.set(id, pending);
      this.#unconfirmed += data.length;
      signal.addEventListener('abort', onAbort, { once: true });
      const content = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      const options = { ...properties, mandatory: true, persistent: true, messageId: id };
      try {
        this.channel.publish(this.exchange, routingKey(partition), content, options, (error: unknown) => {
          if (pending.isReturned) settle(new LogUnavailableError('the queue does not exist'));
          // Also if the server says no: it does so only after an error of its own.
          else settle(error === null ? undefined : new LogUnknownError('the server did not confirm'));
        });
      } catch {
        // The library accepts nothing from the moment at which it begins to close.
        settle(new LogUnavailableError('the connection was lost'));
      }
    });
  }
}
