import { Command, Redis } from 'ioredis';
import { BrokerUnavailableError, BrokerUnknownError } from '../../errors.js';
import { addressText } from './address.js';
import { RedisReplyError, replyError } from './errors.js';
import { guardStream } from './parser-guard.js';
import type { Script } from '../scripts/index.js';
import type { Address, Credentials } from '../../broker-url.js';
import type { RedisSettings } from '../url.js';
import type { ServerTraits } from './handshake.js';

export interface ConnectionTarget {
  readonly address: Address;
  readonly credentials: Credentials;
  readonly db: number;
  readonly tls: RedisSettings['tls'];
}

/** ms before a connection attempt is given up. */
const OPEN_TIMEOUT = 2_000;

type ConnectionListener = (channel: string, text: string) => void;

/**
 * One connection to one server, from its opening to its end. It never reconnects, and sends a command once or not at all. With
 * RESP3 a connection that has subscriptions accepts every other command too, and its answers and messages keep the order in
 * which the server wrote them.
 */
export class Connection {
  readonly name: string;
  /** What the server said when the connection was opened. */
  traits: ServerTraits = { replicationId: '', evictionPolicy: undefined };
  onMessage: ConnectionListener = () => {};
  /** Called when the server has ended a sharded subscription: its slot has moved. */
  onUnsubscribed: () => void = () => {};
  /** Called once. */
  onClose: () => void = () => {};
  /** Called with an error thrown by {@link onMessage} or {@link onUnsubscribed}. Only that message is lost. */
  onFault: (error: unknown) => void = () => {};
  readonly #client: Redis;
  #open = true;

  private constructor(name: string, client: Redis) {
    this.name = name;
    this.#client = client;
    const onMessage = (channel: string, text: string): void => this.#shielded(() => this.onMessage(channel, text));
    client.on('end', () => this.#ended());
    // After an error no input can be trusted; a network error closes the connection anyway.
    client.on('error', () => this.close());
    client.on('message', onMessage);
    client.on('smessage', onMessage);
    client.on('moved', () => this.#shielded(() => this.onUnsubscribed()));
    guardStream(client.stream);
  }

  /**
   * @throws BrokerUnavailableError with the reason, without secrets.
   */
  static async open({ address, credentials, db, tls }: ConnectionTarget): Promise<Connection> {
    const client = new Redis({
      host: address.host,
      port: address.port,
      ...credentials,
      db,
      ...(tls !== undefined && { tls }),
      lazyConnect: true,
      retryStrategy: () => null,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      connectTimeout: OPEN_TIMEOUT,
      disableClientInfo: true,
      connectionName: 'holdfast',
    });
    let reason = 'the connection was closed';
    client.on('error', (error: unknown) => {
      reason = failureOf(error);
    });
    const name = addressText(address);
    const timer = setTimeout(() => {
      reason = 'no answer in time';
      end(client);
    }, OPEN_TIMEOUT);
    try {
      await client.connect();
      return new Connection(name, client);
    } catch {
      end(client);
      throw new BrokerUnavailableError(`${name}: ${reason}`);
    } finally {
      clearTimeout(timer);
    }
  }

  get open(): boolean {
    return this.#open;
  }

  /**
   * Sends one command. Rejects with {@link RedisReplyError} if Redis answers with an error, with BrokerUnavailableError if it was
   * not sent, and with BrokerUnknownError if no answer arrived.
   *
   * @param timeout ms
   */
  async send(timeout: number, name: string, ...args: readonly (string | number)[]): Promise<unknown> {
    if (!this.#open) throw new BrokerUnavailableError('the connection to Redis is lost');
    const command = new Command(name, [...args], { replyEncoding: 'utf8' });
    command.setTimeout(timeout);
    // If the socket accepts no more, `sendCommand` rejects with the same error as for a lost answer.
    const written = this.#client.stream.writable;
    try {
      return await this.#client.sendCommand(command);
    } catch (error) {
      if (error instanceof Error && error.name === 'ReplyError') throw replyError(error.message);
      if (!written) throw new BrokerUnavailableError('the connection to Redis is lost');
      throw new BrokerUnknownError('no answer from Redis');
    }
  }

  /**
   * Runs a script, even if the server has forgotten it. Rejects as {@link send} does.
   *
   * @param tail the number of keys, the keys and the arguments.
   */
  async run(timeout: number, script: Script, tail: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.send(timeout, 'evalsha', script.sha, ...tail);
    } catch (error) {
      if (!(error instanceof RedisReplyError) || error.code !== 'NOSCRIPT') throw error;
      return this.send(timeout, 'eval', script.body, ...tail);
    }
  }

  /** Sends all commands of `write` in one piece. */
  together(write: () => void): void {
    const { stream } = this.#client;
    stream.cork();
    try {
      write();
    } finally {
      stream.uncork();
    }
  }

  /** Closes at once: commands without an answer are rejected. */
  close(): void {
    end(this.#client);
    this.#ended();
  }

  /** An error thrown into ioredis would end the connection, or the process. */
  #shielded(listener: () => void): void {
    if (!this.#open) return;
    try {
      listener();
    } catch (error) {
      this.onFault(error);
    }
  }

  #ended(): void {
    if (!this.#open) return;
    this.#open = false;
    this.onClose();
  }
}

/** Without QUIT: a server that does not answer would keep the connection open. */
function end(client: Redis): void {
  client.disconnect();
  (client.stream as Redis['stream'] | undefined)?.destroy();
}

/** Only the code: messages of the network and TLS contain addresses and names of certificates, those of Redis arguments. */
function failureOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection failed';
  if (error.name === 'ReplyError') return new RedisReplyError(replyError(error.message).code).message;
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : 'the connection failed';
}
