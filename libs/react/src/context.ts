import { createContext, useContext } from 'react';
import type { Client } from './register.js';

export const ClientContext = createContext<Client | undefined>(undefined);

/**
 * The client of the nearest `HoldfastProvider`, for what has no hook: `call`, `history`, `setToken`, `disconnect`.
 *
 * @throws Error if there is no provider.
 */
export function useHoldfast(): Client {
  const client = useContext(ClientContext);
  if (client === undefined) throw new Error('hooks of @holdfast/react need a <HoldfastProvider> above them');
  return client;
}
