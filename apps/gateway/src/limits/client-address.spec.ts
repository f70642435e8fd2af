import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { clientAddress } from './client-address.js';

function request(peer: string | undefined, forwardedFor?: string): IncomingMessage {
  const headers = forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor };
  return { socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage;
}

describe('the address of a client', () => {
  it.each<[string, string | undefined, string | undefined, number, string]>([
    ['without proxies is that of its connection', '192.0.2.1', undefined, 0, '192.0.2.1'],
    ['is never what it says of itself', '192.0.2.1', '198.51.100.7', 0, '192.0.2.1'],
    ['behind one proxy is what that one added', '10.0.0.1', '198.51.100.7', 1, '198.51.100.7'],
    ['behind one proxy is not what came before', '10.0.0.1', '203.0.113.9, 198.51.100.7', 1, '198.51.100.7'],
    ['behind two is what the outer one added', '10.0.0.1', '6.6.6.6, 198.51.100.7, 10.0.0.2', 2, '198.51.100.7'],
    ['if there are fewer proxies is the first', '10.0.0.1', '198.51.100.7', 3, '198.51.100.7'],
    ['if a proxy added none is the proxy', '10.0.0.1', undefined, 1, '10.0.0.1'],
    ['that is none is the proxy', '10.0.0.1', 'unknown', 1, '10.0.0.1'],
    ['that is empty is the proxy', '10.0.0.1', '', 1, '10.0.0.1'],
    ['with a port is without it', '10.0.0.1', '198.51.100.7:4711', 1, '198.51.100.7'],
    ['of IPv6 with a port too', '10.0.0.1', '[2001:db8:1:2::7]:4711', 1, '2001:db8:1:2::/64'],
    ['of IPv4 in IPv6 is that of IPv4', '::ffff:192.0.2.1', undefined, 0, '192.0.2.1'],
    ['of IPv6 is its network', '2001:db8:1:2:3:4:5:6', undefined, 0, '2001:db8:1:2::/64'],
    ['of IPv6 with a zone is its network', 'fe80::1%eth0', undefined, 0, 'fe80::/64'],
    ['that is gone already is unknown', undefined, undefined, 0, 'unknown'],
  ])('%s', (_name, peer, forwardedFor, hops, address) => {
    expect(clientAddress(request(peer, forwardedFor), hops)).toBe(address);
  });

  it('is that of the trusted proxy, even with 10,000 forged entries', () => {
    const hearsay = Array.from({ length: 10_000 }, () => '6.6.6.6').join(',');
    expect(clientAddress(request('10.0.0.1', `${hearsay},198.51.100.7`), 1)).toBe('198.51.100.7');
  });
});
