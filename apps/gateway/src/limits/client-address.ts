import type { IncomingMessage } from 'node:http';
import proxyAddr from '@fastify/proxy-addr';
import ipaddr from 'ipaddr.js';

/** What belongs to one customer as a rule (RFC 6177): a client picks its addresses in there as it likes. */
const IPV6_PREFIX = 64;

/**
 * The address that a request came from, by which its client is counted: of IPv6 the /64 network.
 *
 * @param trustedHops how many proxies before us add to X-Forwarded-For; what stands there beyond them is hearsay.
 */
export function clientAddress(request: IncomingMessage, trustedHops: number): string {
  const hops = proxyAddr.all(request, (_address, hop) => hop < trustedHops);
  // An entry that is no address was made up, or says nothing: then the proxy that passed it on is who we know.
  for (const hop of hops.toReversed()) {
    const address = canonical(hop);
    if (address !== undefined) return address;
  }
  return 'unknown';
}

/** Ranges of addresses that belong to nodes, pods and proxies, and to clients only within a network of one's own. */
const PRIVATE: ReadonlySet<string> = new Set([
  'private',
  'loopback',
  'linkLocal',
  'carrierGradeNat',
  'uniqueLocal',
  'unspecified',
]);

/** @param address as {@link clientAddress} gives it; one that is unknown counts as private. */
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

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  return /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? text;
}

function withoutZone(text: string): string {
  return text.replace(/%.*$/, '');
}
