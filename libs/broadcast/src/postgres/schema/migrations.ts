import { version1 } from './version-1.js';

/** The statements that bring a schema to the next version. */
export type Migration = (schema: string) => string;

/**
 * The statements that bring a schema from each version to the next one. They only add: functions have a version in their names,
 * so that pods of two releases work at the same time.
 */
export const MIGRATIONS: readonly Migration[] = [version1];

/** The version that this release uses. A later one has everything of it. */
export const VERSION = MIGRATIONS.length;
