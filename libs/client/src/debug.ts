/** Reports one step of the client, without tokens, sessions and data. */
export type Log = (step: string) => void;

/** `true`: to the console, with `console.debug`. */
export type Debug = boolean | Log;

export function logOf(debug: Debug | undefined): Log {
  if (typeof debug === 'function') return debug;
  // oxlint-disable-next-line no-console
  return debug ? (step) => console.debug(`holdfast: ${step}`) : () => {};
}

/** For what would otherwise go unnoticed because the application does not listen. */
export function warn(text: string): void {
  // oxlint-disable-next-line no-console
  if (typeof console !== 'undefined') console.warn(`holdfast: ${text}`);
}
