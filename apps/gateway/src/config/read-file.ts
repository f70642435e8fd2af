import { readFileSync } from 'node:fs';

/** Reads a text file. Throws if it is missing, unreadable or not UTF-8. */
export type ReadFile = (path: string) => string;

export const readTextFile: ReadFile = (path) => decodeText(readFileSync(path));

/** @throws TypeError if it is not UTF-8: a secret with replacement characters would be a different secret. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/**
 * Reports that the file named by `variable` could not be read. Only with the error's code, since its message contains
 * the path.
 */
export function unreadable(variable: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return `${variable}: expected the path of a readable UTF-8 file${code}`;
}
