import { CODES, PostgresError, RefusedError } from './client/errors.js';
import type { Connection } from './client/connection.js';
import { PrimaryFinder } from './client/primary.js';
import { grants } from './schema/grants.js';
import { migrate, schemaVersion } from './schema/migrate.js';
import { parsePostgresUrl } from './url.js';

export { BrokerUnavailableError, BrokerUnknownError, BrokerUrlError } from '../errors.js';
export { RefusedError } from './client/errors.js';

/** What a migration did. */
export interface MigrationResult {
  readonly schema: string;
  /** The version of the schema before; 0 if it did not exist. */
  readonly from: number;
  readonly to: number;
}

/** ms for one statement. */
const TIMEOUT = 30_000;

/**
 * Creates the schema of a broker URL of PostgreSQL, or brings it to the version of this release. It does nothing if the schema
 * has that version or a later one. `migrate=off` in the URL is for pods, and does not count here.
 *
 * @param roles of pods: they get the rights that pods need.
 * @throws BrokerUrlError
 * @throws RefusedError if the server refuses, for example because the role lacks rights: nothing has changed.
 * @throws BrokerUnavailableError if no server can be used at the moment.
 * @throws BrokerUnknownError if the server does not answer.
 */
export async function migrateDatabase(url: string, roles: readonly string[] = []): Promise<MigrationResult> {
  const settings = parsePostgresUrl(url);
  const { schema } = settings;
  const connection = await new PrimaryFinder(settings).connect('migration');
  try {
    const from = await migrate(connection, schema);
    for (const role of roles) await grant(connection, schema, role);
    return { schema, from, to: await schemaVersion(connection, schema) };
  } catch (error) {
    if (error instanceof PostgresError)
      throw new RefusedError(`the migration failed: ${error.message}`, { cause: error });
    throw error;
  } finally {
    connection.close();
  }
}

async function grant(connection: Connection, schema: string, role: string): Promise<void> {
  try {
    const [[quoted] = []] = await connection.query(TIMEOUT, 'select quote_ident($1)', [role]);
    await connection.query(TIMEOUT, grants(schema, String(quoted)));
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    const reason =
      error.code === CODES.undefinedObject
        ? 'it does not exist'
        : 'only the owner of the schema may grant rights on it';
    throw new RefusedError(`the role ${role} was not granted its rights: ${reason}`, { cause: error });
  }
}
