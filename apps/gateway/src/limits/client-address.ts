import type { IncomingMessage } from 'node:http';
import proxyAddr from '@fastify/proxy-addr';
import ipaddr from 'ipaddr.js';

/** Usually one customer's network (RFC 6177): a client picks any address within it. */
const IPV6_PREFIX = 64;

/**
 * The address to count the client of a request by. For IPv6 it is the /64 network.
 *
 * @param trustedHops how many proxies in front of the gateway append to X-Forwarded-For. Entries beyond them are not
 * trusted.
 */
export function clientAddress(request: IncomingMessage, trustedHops: number): string {
  const hops = proxyAddr.all(request, (_address, hop) => hop < trustedHops);
  // An entry that is not an address is made up or meaningless. Then the proxy that passed it on counts as the client.
  for (const hop of hops.toReversed()) {
    const address = canonical(hop);
    if (address !== undefined) return address;
  }
  return 'unknown';
}

/** Ranges of addresses that belong to nodes, pods and proxies, and to clients only within one's own network. */
const PRIVATE: ReadonlySet<string> = new Set([
  'private',
  'loopback',
  'linkLocal',
  'carrierGradeNat',
  'uniqueLocal',
  'unspecified',
]);

/** @param address a result of {@link clientAddress}; an unknown one counts as private. */
export function isPrivate(address: string): boolean {
  const [bare = ''] = address.split('/', 1);
  return !ipaddr.isValid(bare) || PRIVATE.has(ipaddr.parse(bare).range());
}

function canonical(text: string | undefined): string | undefined {
  const bare = withoutPort(text?.trim() ?? '');
  if (!ipaddr.isValid(bare)) return undefined;
  const address = ipaddr.process(bare);
  if (address.kind() === 'ipv4') return address.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${withoutZone(bare)}/${IPV6_PREFIX}`).toString()}/${IPV6_PREFIX}`;
}

/** Some proxies append the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  return /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? text;
}

function withoutZone(text: string): string {
  return text.replace(/%.*$/, '');
}
