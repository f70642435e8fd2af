import { readFileSync } from 'node:fs';

/** Reads a text file; throws where it is missing, unreadable or not UTF-8. */
export type ReadFile = (path: string) => string;

export const readTextFile: ReadFile = (path) => decodeText(readFileSync(path));

/** @throws TypeError for anything but UTF-8: a secret with replacement characters would be another secret. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

/** Says that the file which `variable` names could not be read; only the error's code, for its message holds the path. */
export function unreadable(variable: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return `${variable}: expected the path of a readable UTF-8 file${code}`;
}
