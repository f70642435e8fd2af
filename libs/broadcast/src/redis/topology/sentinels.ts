import { z } from 'zod';
import { BrokerUnavailableError } from '../../errors.js';
import { addressText, type Address } from '../client/address.js';
import { Connection } from '../client/connection.js';
import type { RedisSettings } from '../url.js';

const TIMEOUT = 1_000;

const primarySchema = z.tuple([z.string().min(1), z.coerce.number<string>().int().min(1).max(65_535)]);

/** Those who know which server is the primary. One of them is asked, the next one when it does not answer. */
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
   * Where the primary is, by the word of the first sentinel that knows it.
   *
   * @throws BrokerUnavailableError when none does.
   */
  async primary(): Promise<Address> {
    let problem = 'no sentinel answers';
    for (const attempt of this.#addresses.keys()) {
      try {
        return await this.#ask();
      } catch (error) {
        if (error instanceof BrokerUnavailableError) problem = `sentinel ${error.message}`;
        this.#turn();
        if (attempt === this.#addresses.length - 1) break;
      }
    }
    throw new BrokerUnavailableError(problem);
  }

  /** Whether a sentinel names another server. Not where none can be asked: the server is all there is to go by. */
  async isReplaced(current: string): Promise<boolean> {
    try {
      return addressText(await this.#ask()) !== current;
    } catch {
      this.#turn();
      return false;
    }
  }

  close(): void {
    this.#closed = true;
    this.#turn();
  }

  async #ask(): Promise<Address> {
    const connection = await this.#connect();
    const { primaryName } = this.#settings;
    const answer = await connection.send(TIMEOUT, 'sentinel', 'get-master-addr-by-name', primaryName);
    const address = primarySchema.safeParse(answer);
    if (!address.success) throw new BrokerUnavailableError(`${connection.name}: knows no primary of this name`);
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

  /** The next one is asked from now on. */
  #turn(): void {
    this.#connection?.then(
      (connection) => connection.close(),
      () => undefined,
    );
    this.#connection = undefined;
    const [first, ...others] = this.#addresses;
    if (first !== undefined) this.#addresses = [...others, first];
  }
}
