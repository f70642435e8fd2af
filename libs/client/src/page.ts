import type { Cancel } from './timers.js';

export interface PageListener {
  /** The user may be back, or the network, or the machine has woken: check the connection now. */
  returned(): void;
  /** The page is left. It may come back from the back/forward cache. */
  left(): void;
  /** The page came back from the back/forward cache. */
  shown(): void;
}

/** Whether this runs in a visible page. Always false in workers and in Node. */
export function isVisible(): boolean {
  return typeof document !== 'undefined' && document.visibilityState === 'visible';
}

/** Listens to the events of the page (https://wicg.github.io/page-lifecycle). Does nothing in Node and in React Native. */
export function watchPage(listener: PageListener): Cancel {
  const page = typeof document === 'undefined' ? undefined : document;
  const returned = () => listener.returned();
  const all: [Partial<EventTarget> | undefined, string, () => void][] = [
    [page, 'visibilitychange', () => isVisible() && returned()],
    [page, 'resume', returned],
    [globalThis, 'online', returned],
    [globalThis, 'pagehide', () => listener.left()],
    [globalThis, 'pageshow', () => listener.shown()],
  ];
  for (const [target, event, run] of all) target?.addEventListener?.(event, run);
  return () => {
    for (const [target, event, run] of all) target?.removeEventListener?.(event, run);
  };
}
