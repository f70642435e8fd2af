import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import type { Address } from '../../verify/address.js';
import type { IdleResult } from './probes.js';

const SUBPROTOCOL = 'holdfast.v1.json';

/** What the gateway itself closes with if it does not accept the client: then nothing is known about proxies. */
const REFUSED = new Set([1008, 1013, 4001, 4003]);

/** In ms. */
const OPENED_WITHIN = 10_000;

export interface IdleOptions {
  readonly address: Address;
  readonly token: string | undefined;
  /** In ms. */
  readonly duration: number;
}

/** Opens a WebSocket, sends nothing, and watches for how long it stays open. @returns undefined if the gateway refuses the client. */
export async function probeIdle(url: URL, { address, token, duration }: IdleOptions): Promise<IdleResult | undefined> {
  const { promise, resolve } = Promise.withResolvers<IdleResult | undefined>();
  const socket = new WebSocket(url, SUBPROTOCOL, {
    handshakeTimeout: OPENED_WITHIN,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    // The host of the URL stays in the headers and in TLS. A certificate that is not valid is a finding of its own.
    createConnection: () =>
      url.protocol === 'wss:'
        ? connectTls({
            ...address,
            servername: isIP(url.hostname) === 0 ? url.hostname : '',
            rejectUnauthorized: false,
          })
        : connectTcp(address),
  });
  let openedAt: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  socket.on('open', () => {
    openedAt = performance.now();
    timer = setTimeout(() => {
      resolve({ closedAfter: undefined, code: 1000, reason: '' });
      socket.close(1000);
    }, duration);
  });
  socket.on('error', () => {});
  socket.on('close', (code, reason) => {
    clearTimeout(timer);
    if (openedAt === undefined || REFUSED.has(code)) return resolve(undefined);
    resolve({ closedAfter: (performance.now() - openedAt) / 1_000, code, reason: reason.toString() });
  });
  return promise;
}
