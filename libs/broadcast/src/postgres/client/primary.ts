import type { Address } from '../../broker-url.js';
import { BrokerUnavailableError, BrokerUnknownError } from '../../errors.js';
import { migrate, schemaVersion } from '../schema/migrate.js';
import { VERSION } from '../schema/migrations.js';
import type { PostgresSettings } from '../url.js';
import { Connection } from './connection.js';
import { CODES, PostgresError, RefusedError } from './errors.js';

const OLDEST_VERSION = 140_000;
/** ms */
const TIMEOUT = 5_000;

/** The primary's connection, with the schema of this release. */
export interface Primary {
  readonly connection: Connection;
  /** Identifies the data: if it has changed, acknowledged writes may be lost. */
  readonly identity: string;
}

/** Finds the primary among the servers, and creates or migrates the schema there. */
export class PrimaryFinder {
  readonly #settings: PostgresSettings;
  /** The server that was the primary last. */
  #last = 0;
  #listened = -1;

  constructor(settings: PostgresSettings) {
    this.#settings = settings;
  }

  /** @throws BrokerUnavailableError with the reason. */
  async open(name: string): Promise<Primary> {
    return this.#find(async (address) => this.#openAt(address, name));
  }

  /**
   * A connection to the primary, whatever its schema is.
   *
   * @throws BrokerUnavailableError with the reason.
   */
  async connect(name: string): Promise<Connection> {
    return this.#find(async (address) => openChecked(this.#settings, address, name));
  }

  async #find<T>(openAt: (address: Address) => Promise<T>): Promise<T> {
    const { addresses } = this.#settings;
    const problems: unknown[] = [];
    for (const index of addresses.keys()) {
      const tried = (this.#last + index) % addresses.length;
      const address = addresses[tried];
      if (address === undefined) continue;
      try {
        const found = await openAt(address);
        this.#last = tried;
        return found;
      } catch (error) {
        problems.push(error);
      }
    }
    const text = [...new Set(problems.map(problemOf))].join('; ');
    throw problems.some((problem) => problem instanceof RefusedError)
      ? new RefusedError(text)
      : new BrokerUnavailableError(text);
  }

  /**
   * A connection for notifications, to the primary behind a pooler.
   *
   * @throws BrokerUnavailableError with the reason.
   */
  async listen(addresses: readonly Address[]): Promise<Connection> {
    this.#listened += 1;
    const address = addresses[this.#listened % addresses.length];
    if (address === undefined) throw new BrokerUnavailableError('no address');
    return openChecked(this.#settings, address, 'listener');
  }

  async #openAt(address: Address, name: string): Promise<Primary> {
    const connection = await openChecked(this.#settings, address, name);
    try {
      await this.#prepare(connection);
      return { connection, identity: await this.#identity(connection) };
    } catch (error) {
      connection.close();
      if (error instanceof PostgresError && error.code === CODES.insufficientPrivilege) {
        throw new RefusedError(
          `the role lacks rights on the schema ${this.#settings.schema}: grant them with "holdfast migrate --grant ROLE"`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  async #prepare(connection: Connection): Promise<void> {
    const { schema, keep, migrate: mayMigrate } = this.#settings;
    if ((await schemaVersion(connection, schema)) < VERSION) {
      if (!mayMigrate) {
        throw new RefusedError(
          `the schema ${schema} is missing or belongs to an earlier release, and migrate=off: run "holdfast migrate" of this release`,
        );
      }
      await migrate(connection, schema);
    }
    await connection.query(TIMEOUT, `update ${schema}.meta set keep = $1 where keep <> $1`, [keep]);
  }

  async #identity(connection: Connection): Promise<string> {
    const { schema } = this.#settings;
    try {
      const text = `select incarnation, ${schema}.host_1() from ${schema}.meta`;
      const [row = []] = await connection.query(TIMEOUT, text);
      return row.join(' ');
    } catch (error) {
      const isHidden =
        error instanceof PostgresError &&
        (error.code === CODES.insufficientPrivilege || error.code === CODES.featureNotSupported);
      if (!isHidden) throw error;
      throw new BrokerUnavailableError(
        'the server does not say which timeline it is on, so that a failover that loses messages cannot be noticed: ' +
          'set failover=keep if its failovers lose nothing',
      );
    }
  }
}

/** @throws BrokerUnavailableError if it cannot be opened, or the server is not a primary that can be used. */
async function openChecked(settings: PostgresSettings, address: Address, name: string): Promise<Connection> {
  const connection = await Connection.open(settings, address, name);
  try {
    await checkServer(connection);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function checkServer(connection: Connection): Promise<void> {
  const [row = []] = await connection.query(
    TIMEOUT,
    `select pg_is_in_recovery(), current_setting('server_version_num'), current_setting('fsync'),
      current_setting('default_transaction_isolation'), current_setting('default_transaction_read_only')`,
  );
  const [isReplica, version, fsync, isolation, readOnly] = row;
  if (isReplica !== false) throw new BrokerUnavailableError('the server is a replica');
  if (Number(version) < OLDEST_VERSION) throw new RefusedError('expected PostgreSQL 14 or later');
  if (isolation !== 'read committed' || readOnly !== 'off') {
    throw new RefusedError(
      'expected default_transaction_isolation to be read committed and default_transaction_read_only to be off: set them for the role',
    );
  }
  if (fsync !== 'on') throw new RefusedError('fsync is off: a crash would lose acknowledged messages');
}

function problemOf(error: unknown): string {
  const isOurs =
    error instanceof BrokerUnavailableError || error instanceof BrokerUnknownError || error instanceof PostgresError;
  if (!isOurs) throw error;
  return error.message;
}
