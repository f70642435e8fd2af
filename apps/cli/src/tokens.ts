import type { Token } from '@holdfast/client';
import { readSecret, readSecretFile, TOKEN } from './secrets.js';

/** The token from a file or the environment; undefined if there is none. */
export function readToken(file: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  return readSecret({ option: '--token-file', file, variable: TOKEN, env });
}

/** Like {@link readToken}, but a file is read again before each connection, and before the token expires. */
export function followToken(file: string | undefined, env: NodeJS.ProcessEnv): Token | undefined {
  const token = readToken(file, env);
  return file === undefined || token === undefined ? token : () => readToken(file, env) ?? '';
}

export function readSubscriptionToken(file: string): string {
  return readSecretFile('--subscription-token-file', file);
}
