import type { Cancel } from './timers.js';

/** Whether this runs in a visible page. Always false in workers and in Node. */
export function isVisible(): boolean {
  return typeof document !== 'undefined' && document.visibilityState === 'visible';
}

/** Calls `run` whenever the page becomes visible, and whenever the device is online again. Never in Node. */
export function onReturn(run: () => void): Cancel {
  if (!('addEventListener' in globalThis)) return () => {};
  const ifVisible = () => {
    if (isVisible()) run();
  };
  const page = typeof document === 'undefined' ? undefined : document;
  page?.addEventListener('visibilitychange', ifVisible);
  addEventListener('online', run);
  return () => {
    page?.removeEventListener('visibilitychange', ifVisible);
    removeEventListener('online', run);
  };
}
