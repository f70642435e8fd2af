/** Another runtime: Bun's own WebSocket server, whose rooms and loop are native (uWebSockets). */

interface Request {
  readonly event: 'subscribe' | 'publish';
  readonly data: { readonly channel: string; readonly data?: unknown };
}

/** The used part of Bun's API, because its types would replace Node's everywhere. */
interface BunSocket {
  subscribe(channel: string): void;
  send(text: string): void;
}

interface BunServer {
  upgrade(request: unknown): boolean;
  publish(channel: string, text: string): void;
}

declare const Bun: {
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly fetch: (request: unknown, server: BunServer) => unknown;
    readonly websocket: { readonly message: (client: BunSocket, text: string) => void };
  }): BunServer;
};

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env['PORT']),
  fetch: (request, own) => {
    own.upgrade(request);
  },
  websocket: {
    message: (client, text) => {
      const { event, data } = JSON.parse(text) as Request;
      const { channel } = data;
      if (event === 'subscribe') client.subscribe(channel);
      else server.publish(channel, JSON.stringify({ event: 'message', data: { channel, data: data.data } }));
      client.send(JSON.stringify({ event: 'reply', data: { channel } }));
    },
  },
});
