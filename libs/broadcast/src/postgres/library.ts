import type { Client } from 'pg';
import { BrokerUnavailableError } from '../errors.js';

/** The PostgreSQL client. It is loaded only if a URL asks for PostgreSQL. */
export interface PostgresLibrary {
  readonly Client: typeof Client;
}

/** @throws BrokerUnavailableError if its package is not installed. */
export async function loadLibrary(): Promise<PostgresLibrary> {
  try {
    const { default: library } = await import('pg');
    return library;
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    if (!isMissing) throw error;
    throw new BrokerUnavailableError('install the package pg for a PostgreSQL broker', { cause: error });
  }
}
