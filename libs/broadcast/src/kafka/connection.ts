import { isIP } from 'node:net';
import type { API, Connection } from '@platformatic/kafka';
import type { Address } from '../broker-url.js';
import { LogRefusedError, LogUnavailableError } from '../log/log-adapter.js';
import type { KafkaLibrary } from './library.js';
import { reasonOf } from './reasons.js';
import { saslOptions } from './sasl.js';
import type { KafkaSettings } from './url.js';

/** ms for connecting, TLS and SASL together. */
const CONNECT_TIMEOUT = 2_000;
/** The share of a SASL session after which another connection replaces this one. */
const RENEWAL = 0.6;
/** The library queues requests beyond this number. All of ours have to be sent at once. */
const MAX_IN_FLIGHT = 1_000;

function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * A connection to one broker that has authenticated, and whose version is sufficient. It is never repaired: once a request is
 * not answered in time, it closes.
 */
export class BrokerConnection {
  /** Called once, when the connection is lost. Not after {@link close}. */
  onLost: () => void = () => {};
  readonly #connection: Connection;
  readonly #library: KafkaLibrary;
  readonly #name: string;
  /** As {@link performance.now}; Infinity without an end of the session. */
  #renewAt = Infinity;
  #expiresAt = Infinity;
  #pending = 0;
  #isRetired = false;
  /** Why it was lost. */
  #failure: unknown;

  private constructor(library: KafkaLibrary, connection: Connection, name: string) {
    this.#library = library;
    this.#connection = connection;
    this.#name = name;
    // Without a listener, an error event ends the process.
    connection.on('error', (error) => {
      this.#failure = error;
    });
    connection.once('close', () => {
      if (!this.#isRetired) this.onLost();
    });
  }

  /**
   * @param signal closes it, also while it is being opened.
   * @param requestTimeout ms within which each request has to be answered; otherwise the connection is closed.
   * @throws LogRefusedError if the server does not accept the credentials, or is too old.
   * @throws LogUnavailableError
   */
  static async open(
    library: KafkaLibrary,
    address: Address,
    { sasl, tls }: KafkaSettings,
    requestTimeout: number,
    signal: AbortSignal,
  ): Promise<BrokerConnection> {
    const name = addressText(address);
    let lifetime = 0;
    const connection = new library.Connection('holdfast', {
      connectTimeout: CONNECT_TIMEOUT,
      requestTimeout,
      maxInflights: MAX_IN_FLIGHT,
      ...(tls !== undefined && { tls: { servername: isIP(address.host) === 0 ? address.host : undefined, ...tls } }),
      ...(sasl !== undefined && {
        sasl: saslOptions(library, sasl, (ms) => {
          lifetime = ms;
        }),
      }),
    });
    const opened = new BrokerConnection(library, connection, name);
    const onAbort = (): void => opened.close();
    signal.addEventListener('abort', onAbort);
    try {
      await connection.connect(address.host, address.port);
      await opened.#checkVersion();
    } catch (error) {
      opened.close();
      if (error instanceof LogUnavailableError) throw error;
      const reason = `${name}: ${reasonOf(error)}`;
      throw isRefusal(library, error) ? new LogRefusedError(reason) : new LogUnavailableError(reason);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    opened.#startSession(lifetime);
    return opened;
  }

  get isOpen(): boolean {
    return this.#connection.isConnected() && performance.now() < this.#expiresAt;
  }

  /** Whether another connection should replace it, because its session ends soon. */
  get isDue(): boolean {
    return performance.now() >= this.#renewAt;
  }

  /**
   * Sends a request at once if the connection is open. Error codes are in the response.
   *
   * @throws LogUnavailableError if there is no response: the request may have been processed.
   */
  async call<Args extends unknown[], Response>(api: API<Args, Response>, ...args: Args): Promise<Response> {
    this.#pending += 1;
    try {
      return await api.async(this.#connection, ...args);
    } catch (error) {
      // The library throws the response if there is an error code anywhere in it.
      if (error instanceof this.#library.ResponseError && 'response' in error) return error['response'] as Response;
      throw new LogUnavailableError(`${this.#name}: ${reasonOf(this.#failure ?? error)}`);
    } finally {
      this.#pending -= 1;
      if (this.#isRetired && this.#pending === 0) this.close();
    }
  }

  /** Closes it when all requests have been answered. */
  retire(): void {
    this.#isRetired = true;
    if (this.#pending === 0) this.close();
  }

  /** Closes it at once: requests fail. */
  close(): void {
    this.#isRetired = true;
    // The library's own `close` leaves the socket open after an error.
    (this.#connection.socket as Connection['socket'] | undefined)?.destroy();
  }

  #startSession(lifetime: number): void {
    if (lifetime <= 0) return;
    const now = performance.now();
    this.#renewAt = now + lifetime * RENEWAL;
    this.#expiresAt = now + lifetime;
  }

  async #checkVersion(): Promise<void> {
    const { apiVersionsV3, produceV10, fetchV13, listOffsetsV8, metadataV12 } = this.#library;
    const { apiKeys } = await this.call(apiVersionsV3.api, 'holdfast', '1');
    for (const { api } of [produceV10, fetchV13, listOffsetsV8, metadataV12]) {
      const supported = apiKeys.find(({ apiKey }) => apiKey === api.key);
      if (supported === undefined || supported.maxVersion < api.version) {
        throw new LogRefusedError(`${this.#name}: Kafka 3.7 or later is required`);
      }
      if (supported.minVersion > api.version) {
        throw new LogRefusedError(`${this.#name}: the server is too new, a later release of Holdfast is required`);
      }
    }
  }
}

/** Whether every other attempt fails as well until a setting changes. */
function isRefusal({ AuthenticationError, UserError }: KafkaLibrary, error: unknown): boolean {
  for (let current: unknown = error, depth = 0; current instanceof Error && depth < 5; depth += 1) {
    if (current instanceof AuthenticationError || current instanceof UserError) return true;
    current = current.cause;
  }
  return false;
}
