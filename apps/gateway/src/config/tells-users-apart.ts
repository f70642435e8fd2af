import { verifiesTokens } from './jwt.js';
import type { Config } from './load-config.js';

/** Whether anything is configured that identifies the user of a token. */
export function tellsUsersApart({ auth, webhooks }: Pick<Config, 'auth' | 'webhooks'>): boolean {
  const { url, actions } = webhooks.authorization;
  return verifiesTokens(auth.jwt) || (url !== undefined && actions.includes('connect'));
}
