import { randomUUID } from 'node:crypto';
import { RawClient, type ConnectOptions } from './raw-client.ts';

export interface GatewayOptions {
  /** The URL of the WebSocket, such as `ws://localhost:8000/ws`. */
  readonly url: string;
  /** A token with the permission to subscribe and publish in the namespace; without it anonymous clients need the permission. */
  readonly token?: string | undefined;
  readonly namespace: string;
}

/** A gateway, and a channel of it that no other client uses. */
export interface GatewayContext extends AsyncDisposable {
  readonly url: string;
  readonly channel: string;
  /** Opens a connection and waits for its welcome. */
  readonly connect: (options?: ConnectOptions) => Promise<RawClient>;
}

export function openGatewayContext({ url, token, namespace }: GatewayOptions): GatewayContext {
  const clients: RawClient[] = [];
  return {
    url,
    channel: `${namespace}:${randomUUID()}`,
    async connect(options = {}) {
      const client = await RawClient.open(url, { token, ...options });
      clients.push(client);
      return client;
    },
    [Symbol.asyncDispose]() {
      for (const client of clients) client.terminate();
      return Promise.resolve();
    },
  };
}
