/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Reads what Redis writes, `host:port` where the host may hold colons itself. */
export function parseAddress(text: string): Address | undefined {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port)) return undefined;
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port };
}
