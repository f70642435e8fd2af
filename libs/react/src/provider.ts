import { Holdfast, type HoldfastOptions } from '@holdfast/client';
import { createElement, useEffect, useMemo, type ReactNode } from 'react';
import { ClientContext } from './context.js';
import type { Client } from './register.js';

export type HoldfastProviderProps = { readonly children?: ReactNode } & (
  | {
      /** Of the gateway's `/ws`; in a page it may be relative. The provider connects while it is mounted. */
      readonly url: string | URL;
      /** Read once for each URL. To sign in as another user, call `setToken` of the client. */
      readonly options?: Omit<HoldfastOptions, 'connect'> | undefined;
      readonly client?: undefined;
    }
  | {
      /** A client of the application's, which connects and closes it. */
      readonly client: Client;
      readonly url?: undefined;
      readonly options?: undefined;
    }
);

interface Owned {
  readonly client: Client;
  leaving?: ReturnType<typeof setTimeout>;
}

/**
 * Gives a client to the hooks below it.
 *
 * @throws TypeError if the URL or an option is invalid.
 */
export function HoldfastProvider({ client, url, options, children }: HoldfastProviderProps): ReactNode {
  const key = url?.toString();
  const owned = useMemo<Owned | undefined>(
    () => (key === undefined ? undefined : { client: new Holdfast(key, { ...options, connect: false }) }),
    // Options are often an object literal, which is another one each time.
    [key],
  );
  useEffect(() => {
    if (owned === undefined) return;
    clearTimeout(owned.leaving);
    owned.client.connect();
    return () => {
      // StrictMode unmounts and mounts again at once: that should not cost a connection.
      owned.leaving = setTimeout(() => void owned.client.disconnect());
    };
  }, [owned]);
  return createElement(ClientContext.Provider, { value: client ?? owned?.client }, children);
}
