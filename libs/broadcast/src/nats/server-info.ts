import { connect } from 'node:net';
import type { Address } from '../broker-url.js';
import { LogUnavailableError } from '../log/log-adapter.js';

/** The fields that are used of what a server says about itself before anything else. */
export interface ServerInfo {
  readonly tls_required?: boolean;
  readonly tls_available?: boolean;
}

/** https://docs.nats.io/reference/reference-protocols/nats-protocol#info */
const INFO = /^INFO\s+(\{.*\})\s*\r\n/is;
const MAX_INFO = 65_536;

/**
 * Reads the server's first line on a connection of its own. The library never closes a socket on which a server that hangs has
 * not said anything: this finds such a server first.
 *
 * @throws LogUnavailableError
 */
export async function readServerInfo({ host, port }: Address, signal: AbortSignal): Promise<ServerInfo> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect({ host, port });
    const settle = (act: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      act();
    };
    const fail = (reason: string): void => settle(() => reject(new LogUnavailableError(reason)));
    const onAbort = (): void => fail('the server did not answer in time');
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    socket.on('error', ({ message }) => fail(message));
    socket.on('close', () => fail('the server closed the connection'));
    socket.on('data', (data) => {
      received += data.toString('latin1');
      const [, json] = INFO.exec(received) ?? [];
      if (json !== undefined) {
        const info = parse(json);
        if (info !== undefined) {
          settle(() => resolve(info));
          return;
        }
      }
      if (json !== undefined || received.length > MAX_INFO || !'INFO'.startsWith(received.slice(0, 4).toUpperCase())) {
        fail('this is not a NATS server');
      }
    });
  });
}

function parse(json: string): ServerInfo | undefined {
  try {
    return JSON.parse(json) as ServerInfo;
  } catch {
    return undefined;
  }
}
