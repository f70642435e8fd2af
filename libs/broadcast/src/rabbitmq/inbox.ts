import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { Connection } from './connection.js';
import { closeQuietly } from './stream.js';

/** Messages that are forwarded at once. */
const PREFETCH = 64;
/** ms until a message must be stored. */
const TIMEOUT = 5_000;
/** ms before it is tried again. */
const PAUSE = 1_000;

/** Stores a message of the inbox in the log. */
export type Forward = (message: ConsumeMessage, signal: AbortSignal) => Promise<void>;

/**
 * Forwards what backends publish without the gateway: RabbitMQ cannot route a channel to its partition. The server gives the inbox to one
 * pod at a time, which keeps the order. A message is taken out when it is stored; one whose fate is unknown is forwarded again, with all
 * that follow it.
 */
export class Inbox {
  #connection: Connection | undefined;
  #channel: Channel | undefined;
  #isClosed = false;

  constructor(
    private readonly queue: string,
    private readonly forward: Forward,
  ) {}

  /** Begins to consume, unless it does so on this connection already. */
  attach(connection: Connection): void {
    if (this.#connection === connection || this.#isClosed) return;
    this.#connection = connection;
    this.#run(connection).catch(() => undefined);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#channel !== undefined) closeQuietly(this.#channel);
  }

  /** Consumes on one channel after the other until the connection ends. */
  async #run(connection: Connection): Promise<void> {
    while (connection.isOpen && !this.#isClosed) {
      try {
        const channel = await connection.channel();
        const closed = new Promise<void>((resolve) => channel.on('close', resolve));
        this.#channel = channel;
        await channel.prefetch(PREFETCH);
        await channel.consume(this.queue, (message) => this.#onMessage(channel, message));
        await closed;
      } catch {
        // The queue is not ready, for example while its leader is elected. The log does not depend on it.
      }
      await sleep(PAUSE, undefined, { ref: false });
    }
  }

  #onMessage(channel: Channel, message: ConsumeMessage | null): void {
    // With a new channel the server delivers again what was not acknowledged, in order.
    if (message === null) return closeQuietly(channel);
    if (this.#channel !== channel) return;
    this.forward(message, AbortSignal.timeout(TIMEOUT))
      .then(() => channel.ack(message))
      .catch(() => {
        if (this.#channel === channel) this.#channel = undefined;
        closeQuietly(channel);
      });
  }
}
