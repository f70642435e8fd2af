import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ClientOptions } from 'ws';
import type { Address } from './address.js';

/** What a request asks for, and where it is sent: a pod of its own, or an ingress that DNS does not lead to. */
export interface Destination {
  readonly url: URL;
  readonly address: Address;
}

/** How a WebSocket of `ws` gets there. */
export function optionsFor({ url, address }: Destination): ClientOptions {
  return {
    createConnection: () =>
      url.protocol === 'wss:'
        ? // RFC 6066, section 3: no literal IP addresses.
          connectTls({ ...address, servername: isIP(url.hostname) === 0 ? url.hostname : '' })
        : connectTcp(address),
  };
}
