import { lookup } from 'node:dns/promises';
import { InvalidArgumentError } from 'commander';

/** The address of a TCP connection. */
export interface Address {
  /** A name or an IP address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** An address whose port may be missing. */
export interface PartialAddress {
  readonly host: string;
  readonly port: number | undefined;
}

/** `HOST` or `HOST:PORT`, an IPv6 address in brackets. */
export function parseAddress(text: string): PartialAddress {
  const [, host, digits] = /^(\[[\da-fA-F:.]+\]|[^\s:/?#@[\]]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (host === undefined || port === 0 || (port ?? 0) > 65_535) {
    throw new InvalidArgumentError('Expected HOST[:PORT].');
  }
  return { host: withoutBrackets(host), port };
}

export function addressOf({ hostname, port, protocol }: URL): Address {
  const isSecure = protocol === 'wss:' || protocol === 'https:';
  return { host: withoutBrackets(hostname), port: port === '' ? (isSecure ? 443 : 80) : Number(port) };
}

export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** All addresses of a name, in a fixed order; empty if the name is unknown (so far). */
export async function resolve({ host, port }: Address): Promise<Address[]> {
  try {
    const found = await lookup(host, { all: true });
    const hosts = new Set(found.map(({ address }) => address));
    return [...hosts].toSorted().map((address) => ({ host: address, port }));
  } catch (error) {
    if (error instanceof Error && 'code' in error && isUnknownName(error.code)) return [];
    throw error;
  }
}

/** A headless Service without a ready pod has no records. */
function isUnknownName(code: unknown): boolean {
  return code === 'ENOTFOUND' || code === 'ENODATA' || code === 'EAI_AGAIN';
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
