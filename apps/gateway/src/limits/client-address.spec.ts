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
    ['is never what the client claims', '192.0.2.1', '198.51.100.7', 0, '192.0.2.1'],
    ['behind one proxy is the one that the proxy added', '10.0.0.1', '198.51.100.7', 1, '198.51.100.7'],
    ['behind one proxy is not an earlier entry', '10.0.0.1', '203.0.113.9, 198.51.100.7', 1, '198.51.100.7'],
    [
      'behind two proxies is the one that the outer one added',
      '10.0.0.1',
      '6.6.6.6, 198.51.100.7, 10.0.0.2',
      2,
      '198.51.100.7',
    ],
    ['is the first entry if there are fewer proxies', '10.0.0.1', '198.51.100.7', 3, '198.51.100.7'],
    ['is that of the proxy if it added none', '10.0.0.1', undefined, 1, '10.0.0.1'],
    ['is that of the proxy if the entry is invalid', '10.0.0.1', 'unknown', 1, '10.0.0.1'],
    ['is that of the proxy if the entry is empty', '10.0.0.1', '', 1, '10.0.0.1'],
    ['does not include a port', '10.0.0.1', '198.51.100.7:4711', 1, '198.51.100.7'],
    ['does not include a port of IPv6', '10.0.0.1', '[2001:db8:1:2::7]:4711', 1, '2001:db8:1:2::/64'],
    ['is IPv4 if it is mapped to IPv6', '::ffff:192.0.2.1', undefined, 0, '192.0.2.1'],
    ['is the network of an IPv6 address', '2001:db8:1:2:3:4:5:6', undefined, 0, '2001:db8:1:2::/64'],
    ['is the network of an IPv6 address with a zone', 'fe80::1%eth0', undefined, 0, 'fe80::/64'],
    ['is unknown if the connection is already closed', undefined, undefined, 0, 'unknown'],
  ])('%s', (_name, peer, forwardedFor, hops, address) => {
    expect(clientAddress(request(peer, forwardedFor), hops)).toBe(address);
  });

  it('is that of the trusted proxy, even with 10,000 forged entries', () => {
    const forged = Array.from({ length: 10_000 }, () => '6.6.6.6').join(',');
    expect(clientAddress(request('10.0.0.1', `${forged},198.51.100.7`), 1)).toBe('198.51.100.7');
  });
});
