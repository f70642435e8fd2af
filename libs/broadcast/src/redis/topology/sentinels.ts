import { z } from 'zod';
import { BrokerUnavailableError } from '../../errors.js';
import { addressText } from '../client/address.js';
import type { Address } from '../../broker-url.js';
import { Connection } from '../client/connection.js';
import type { RedisSettings } from '../url.js';

const TIMEOUT = 1_000;

const primarySchema = z.tuple([z.string().min(1), z.coerce.number<string>().int().min(1).max(65_535)]);

/** Asks sentinels for the primary: always the same one, and the next one if it does not answer. */
export class Sentinels {
  readonly #settings: RedisSettings;
  #addresses: Address[];
  #connection: Promise<Connection> | undefined;
  #closed = false;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    this.#addresses = [...settings.addresses];
  }

  /**
   * The address of the primary, from the first sentinel that knows it.
   *
   * @throws BrokerUnavailableError if none does.
   */
  async primary(): Promise<Address> {
    let problem = 'no sentinel answers';
    for (const attempt of this.#addresses.keys()) {
      try {
        return await this.#ask();
      } catch (error) {
        if (error instanceof BrokerUnavailableError) problem = `sentinel ${error.message}`;
        this.#skip();
        if (attempt === this.#addresses.length - 1) break;
      }
    }
    throw new BrokerUnavailableError(problem);
  }

  /** Whether a sentinel names another server. False if no sentinel answers: then the server itself has to be trusted. */
  async isReplaced(current: string): Promise<boolean> {
    try {
      return addressText(await this.#ask()) !== current;
    } catch {
      this.#skip();
      return false;
    }
  }

  close(): void {
    this.#closed = true;
    this.#skip();
  }

  async #ask(): Promise<Address> {
    const connection = await this.#connect();
    const { primaryName } = this.#settings;
    const answer = await connection.send(TIMEOUT, 'sentinel', 'get-master-addr-by-name', primaryName);
    const address = primarySchema.safeParse(answer);
    if (!address.success) throw new BrokerUnavailableError(`${connection.name}: does not know a primary of this name`);
    const [host, port] = address.data;
    return { host, port };
  }

  async #connect(): Promise<Connection> {
    const [address] = this.#addresses;
    if (this.#closed || address === undefined) throw new BrokerUnavailableError('closed');
    const { sentinelCredentials: credentials, tls } = this.#settings;
    const opening = (this.#connection ??= Connection.open({ address, credentials, db: 0, tls }));
    const connection = await opening;
    if (this.#closed) connection.close();
    if (!connection.open) throw new BrokerUnavailableError('the connection was lost');
    return connection;
  }

  /** Asks the next sentinel from now on. */
  #skip(): void {
    this.#connection?.then(
      (connection) => connection.close(),
      () => undefined,
    );
    this.#connection = undefined;
    const [first, ...others] = this.#addresses;
    if (first !== undefined) this.#addresses = [...others, first];
  }
}
