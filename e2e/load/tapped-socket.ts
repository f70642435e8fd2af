import type { IncomingMessage } from 'node:http';
import type { LookupFunction } from 'node:net';
import type { GatewayFrame } from '@holdfast/protocol';
import { WebSocket } from 'ws';
import { textOf, type Journal, type SocketLife } from './journal.js';

/** State shared by the sockets of one client, like cookies in a browser. */
export interface TapOptions {
  readonly journal: Journal;
  /** Whether cookies are kept and sent, like in a browser. */
  readonly cookies: boolean;
  /** The IP address of the URL's host, if DNS does not know it. */
  readonly address?: string | undefined;
}

function resolveTo(address: string): LookupFunction {
  return (_, { all }, done) => (all ? done(null, [{ address, family: 4 }]) : done(null, address, 4));
}

export interface TappedSocket extends WebSocket {
  readonly life: SocketLife;
}

/**
 * Creates a WebSocket class for one client that records frames and closes in the client's journal, before the client
 * handles them.
 */
export function tappedSocket({
  journal,
  cookies,
  address,
}: TapOptions): new (url: string | URL, protocols?: string | string[]) => TappedSocket {
  const jar = new Map<string, string>();

  return class extends WebSocket implements TappedSocket {
    readonly life: SocketLife = { startedAt: Date.now() };

    constructor(url: string | URL, protocols?: string | string[]) {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      super(url, protocols, {
        headers: cookie === '' ? {} : { Cookie: cookie },
        handshakeTimeout: 10_000,
        ...(address !== undefined && { lookup: resolveTo(address) }),
      });
      const { life } = this;
      journal.sockets.push(life);
      const keepCookies = ({ headers }: IncomingMessage): void => {
        if (!cookies) return;
        for (const line of headers['set-cookie'] ?? []) {
          const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
          if (name !== undefined && value !== undefined) jar.set(name, value);
        }
      };
      this.on('upgrade', keepCookies);
      this.on('error', ({ message }) => {
        const status = /Unexpected server response: (\d+)/.exec(message)?.[1];
        if (status !== undefined) life.refused = Number(status);
      });
      this.on('message', (bytes: Buffer) => {
        if (life.leftByClient) return;
        life.heardAt = Date.now();
        const { event, data } = JSON.parse(bytes.toString()) as GatewayFrame;
        if (event === 'message') journal.seen.add(textOf(data.data));
        else if (event === 'welcome') life.node = data.node;
        // A client's first request is the subscribe to its one channel.
        else if (event === 'reply') life.subscribedAt ??= Date.now();
        else if (event === 'reconnect') life.invitedAt ??= Date.now();
      });
      this.on('close', (code: number) => {
        life.closedAt ??= Date.now();
        life.closeCode = code;
      });
    }

    override close(code?: number, data?: string | Buffer): void {
      // From here on the client delivers nothing, whenever the peer closes.
      if (this.readyState === WebSocket.OPEN) {
        this.life.leftByClient = true;
        this.life.closedAt ??= Date.now();
      }
      super.close(code, data);
    }
  };
}
