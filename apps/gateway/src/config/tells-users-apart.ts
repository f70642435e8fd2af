import { verifiesTokens } from './jwt.js';
import type { Config } from './load-config.js';

/** Whether there is anything that says who a client with a token is. */
export function tellsUsersApart({ auth, webhooks }: Pick<Config, 'auth' | 'webhooks'>): boolean {
  const { url, actions } = webhooks.authorization;
  return verifiesTokens(auth.jwt) || (url !== undefined && actions.includes('connect'));
}
