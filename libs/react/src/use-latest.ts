import { useInsertionEffect, useRef } from 'react';

/** Holds the value of the latest render that was committed, for callbacks that outlive it. */
export function useLatest<T>(value: T): { readonly current: T } {
  const latest = useRef(value);
  // Runs before the effects that use it, and not on a server.
  useInsertionEffect(() => {
    latest.current = value;
  });
  return latest;
}
