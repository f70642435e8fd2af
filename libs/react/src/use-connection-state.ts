import type { StateChange } from '@holdfast/client';
import { useCallback, useRef, useSyncExternalStore } from 'react';
import { useHoldfast } from './context.js';

const ON_SERVER: StateChange = { state: 'disconnected' };

/**
 * The state of the connection, and the reason if there is none. Renders again with each change and each failed attempt.
 * On a server, and while a page is hydrated, it is `disconnected`.
 */
export function useConnectionState(): StateChange {
  const client = useHoldfast();
  const latest = useRef(ON_SERVER);
  return useSyncExternalStore(
    useCallback(
      (notify) =>
        client.on('state', (change) => {
          latest.current = change;
          notify();
        }),
      [client],
    ),
    () => {
      // A change before the component was mounted, or another client.
      if (latest.current.state !== client.state) latest.current = { state: client.state };
      return latest.current;
    },
    () => ON_SERVER,
  );
}
