import type { Client } from 'pg';
import { BrokerUnavailableError } from '../errors.js';
import { isMissingPackage } from '../missing-package.js';

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
    if (!isMissingPackage(error)) throw error;
    throw new BrokerUnavailableError('install the package pg for a PostgreSQL broker', { cause: error });
  }
}
