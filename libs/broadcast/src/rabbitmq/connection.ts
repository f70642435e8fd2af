import type { Channel, ChannelModel, ConfirmChannel, SocketOptions } from 'amqplib';
import type { Address } from '../broker-url.js';
import { LogRefusedError, LogUnavailableError } from '../log/log-adapter.js';
import { connectionError, messageOf } from './errors.js';
import type { AmqpLibrary } from './library.js';
import type { RabbitSettings } from './url.js';

/** ms until a connection must be open. */
const OPEN_TIMEOUT = 3_000;
/** ms that the server has to confirm that a connection is closed. */
const CLOSE_TIMEOUT = 500;
/**
 * s between heartbeats, the shortest that AMQP knows: a connection without any data for two to three of them is lost. The server
 * ends one of a pod that stands still for as long, which costs that pod a moment and nobody a message.
 */
const HEARTBEAT = 1;
/** The first version in which a client of AMQP 0.9.1 can rely on streams; older ones have no security updates any more. */
const OLDEST = [3, 13] as const;

/** One connection to one node, from its opening to its end. It never reconnects. */
export class Connection {
  /** Called once. @param reason names no secret. */
  onClose: (reason: string) => void = () => {};
  /** The server does not read from this connection because it is short of memory or disk; undefined when it does again. */
  onBlocked: (reason: string | undefined) => void = () => {};
  #isOpen = true;

  private constructor(
    private readonly model: ChannelModel,
    private readonly socket: AbortController,
  ) {
    let reason = 'the connection was closed';
    // Without a listener the error would end the process; the connection closes anyway.
    model.on('error', (error) => {
      reason = messageOf(error);
    });
    model.on('close', (error) => {
      this.#ended(error === undefined ? reason : messageOf(error));
    });
    model.on('blocked', (cause) => this.onBlocked(`the server blocks publishers: ${cause}`));
    model.on('unblocked', () => this.onBlocked(undefined));
  }

  /**
   * @param purpose shown by the server.
   * @throws LogUnavailableError
   */
  static async open(
    library: AmqpLibrary,
    { host, port }: Address,
    { credentials, virtualHost, tls }: RabbitSettings,
    purpose: string,
    signal: AbortSignal,
  ): Promise<Connection> {
    const socket = new AbortController();
    const isOpen = new AbortController();
    const end = (): void => socket.abort();
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(OPEN_TIMEOUT)]);
    deadline.addEventListener('abort', end, { signal: isOpen.signal });
    const options = {
      ...tls,
      noDelay: true,
      // The types of the library do not know it, but Node's sockets do.
      signal: socket.signal,
      clientProperties: { connection_name: `holdfast ${purpose}` },
      ...(credentials === undefined && { credentials: library.credentials.external() }),
    };
    const target = {
      protocol: tls === undefined ? 'amqp' : 'amqps',
      hostname: host,
      port,
      ...credentials,
      vhost: encodeURIComponent(virtualHost),
      heartbeat: HEARTBEAT,
    };
    try {
      if (deadline.aborted) throw new LogUnavailableError('closed');
      const connection = new Connection(await library.connect(target, options as SocketOptions), socket);
      if (deadline.aborted) throw new LogUnavailableError('closed');
      connection.#checkVersion();
      return connection;
    } catch (error) {
      end();
      throw deadline.aborted ? new LogUnavailableError('no answer in time', { cause: error }) : connectionError(error);
    } finally {
      isOpen.abort();
    }
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  async channel(): Promise<Channel> {
    return withoutErrors(await this.model.createChannel());
  }

  async confirmChannel(): Promise<ConfirmChannel> {
    return withoutErrors(await this.model.createConfirmChannel());
  }

  /** Ends the connection at once, as if the server had. */
  abandon(reason: string): void {
    this.#ended(reason);
  }

  /** Closes properly if the server answers in time. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    const timer = setTimeout(() => this.#ended('closed'), CLOSE_TIMEOUT);
    await this.model.close().catch(() => undefined);
    clearTimeout(timer);
    this.#ended('closed');
  }

  #ended(reason: string): void {
    // The library only half-closes a socket whose server does not answer.
    this.socket.abort();
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.onClose(reason);
  }

  #checkVersion(): void {
    const { product, version } = this.model.connection.serverProperties;
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
    throw new LogRefusedError(`RabbitMQ ${OLDEST.join('.')} or later is required, this is ${product} ${version}`);
  }
}

/** A channel reports its end by `close` as well. Without a listener for `error` the process would end. */
function withoutErrors<C extends Channel>(channel: C): C {
  channel.on('error', () => undefined);
  return channel;
}
