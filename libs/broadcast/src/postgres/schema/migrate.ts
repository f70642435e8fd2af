import type { Connection } from '../client/connection.js';
import { CODES, PostgresError, RefusedError } from '../client/errors.js';
import { MIGRATIONS, type Migration } from './migrations.js';

/** ms for all statements of one migration. */
const TIMEOUT = 30_000;

/**
 * The version of a schema; 0 if it does not exist or is empty.
 *
 * @throws PostgresError
 */
export async function schemaVersion(connection: Connection, schema: string): Promise<number> {
  // Not by to_regclass(): it answers from a cache that may not know yet what another pod has created since this transaction began.
  const [[exists] = []] = await connection.query(
    TIMEOUT,
    'select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname = $1 and relname = $2)',
    [schema, 'meta'],
  );
  if (exists !== true) return 0;
  const [[version] = []] = await connection.query(TIMEOUT, `select version from ${schema}.meta`);
  return Number(version);
}

/**
 * Brings the schema to the version of this release. Pods that do it at the same time wait for each other, and one of them does it.
 *
 * @returns the version that it had.
 * @throws RefusedError if the role may not.
 */
export async function migrate(
  connection: Connection,
  schema: string,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<number> {
  try {
    await connection.query(TIMEOUT, 'begin');
    await connection.query(TIMEOUT, 'select pg_advisory_xact_lock(hashtextextended($1, 0))', [`${schema}.migrate`]);
    const present = await schemaVersion(connection, schema);
    const [[exists] = []] = await connection.query(
      TIMEOUT,
      'select exists (select from pg_namespace where nspname = $1)',
      [schema],
    );
    // "if not exists" would need the right to create schemas even for one that exists.
    if (exists !== true) await connection.query(TIMEOUT, `create schema ${schema}`);
    for (const migration of migrations.slice(present)) await connection.query(TIMEOUT, migration(schema));
    if (present < migrations.length) {
      await connection.query(TIMEOUT, `update ${schema}.meta set version = ${migrations.length}`);
      // A role that uses the schema to publish may do nothing else there.
      await connection.query(TIMEOUT, `revoke execute on all functions in schema ${schema} from public`);
    }
    await connection.query(TIMEOUT, 'commit');
    return present;
  } catch (error) {
    // It may still be in the transaction.
    connection.close();
    if (error instanceof PostgresError && error.code === CODES.insufficientPrivilege) {
      throw new RefusedError(
        `the role may not create or change the schema ${schema}: run "holdfast migrate" with a role that may`,
        { cause: error },
      );
    }
    throw error;
  }
}
