import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ClientOptions } from 'ws';
import type { Address } from './address.js';

/** The URL of a request, and the address to send it to: a single pod, or an ingress that DNS does not resolve to. */
export interface Destination {
  readonly url: URL;
  readonly address: Address;
}

/** Options that make a WebSocket of `ws` connect to the destination. */
export function optionsFor({ url, address }: Destination): ClientOptions {
  return {
    createConnection: () =>
      url.protocol === 'wss:'
        ? // RFC 6066, section 3: no literal IP addresses.
          connectTls({ ...address, servername: isIP(url.hostname) === 0 ? url.hostname : '' })
        : connectTcp(address),
  };
}
