import { readFileSync } from 'node:fs';
import { EXIT, Failure } from './failure.js';

/** The variable with the key of the HTTP API. */
export const API_KEY = 'HOLDFAST_CLI_API_KEY';

/** The variable with the key of the admin API. */
export const ADMIN_KEY = 'HOLDFAST_CLI_ADMIN_KEY';

/** The variable with a token. */
export const TOKEN = 'HOLDFAST_CLI_TOKEN';

/** The sources of a secret. Never an argument, because every user of the machine can read those. */
export interface SecretSource {
  /** The option that names a file. */
  readonly option: string;
  /** The value of that option; takes precedence over the variable. */
  readonly file: string | undefined;
  readonly variable: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Reads a secret, without surrounding white space; undefined if there is none. An empty variable counts as unset.
 *
 * @throws Failure as {@link readSecretFile} does.
 */
export function readSecret({ option, file, variable, env }: SecretSource): string | undefined {
  return file === undefined ? env[variable]?.trim() || undefined : readSecretFile(option, file);
}

/**
 * Reads the secret in a file, without surrounding white space.
 *
 * @throws Failure that contains neither the secret nor the path, which may be a secret by mistake.
 */
export function readSecretFile(option: string, file: string): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file)).trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new Failure(EXIT.usage, `${option}: expected the path of a readable UTF-8 file${code}`);
  }
  if (text === '') throw new Failure(EXIT.usage, `${option}: the file is empty`);
  return text;
}
