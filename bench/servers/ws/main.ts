/** The textbook loop: `ws`, rooms in a Map, and a loop that sends. No authentication. */
import { WebSocket, WebSocketServer } from 'ws';

interface Request {
  readonly event: 'subscribe' | 'publish';
  readonly data: { readonly channel: string; readonly data?: unknown };
}

const rooms = new Map<string, Set<WebSocket>>();

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.env['PORT']), path: '/ws' });

server.on('connection', (client) => {
  const joined = new Set<Set<WebSocket>>();

  client.on('message', (bytes: Buffer) => {
    const { event, data } = JSON.parse(bytes.toString()) as Request;
    const { channel } = data;
    if (event === 'subscribe') {
      let room = rooms.get(channel);
      if (room === undefined) rooms.set(channel, (room = new Set()));
      room.add(client);
      joined.add(room);
    } else {
      const message = JSON.stringify({ event: 'message', data: { channel, data: data.data } });
      for (const subscriber of rooms.get(channel) ?? []) {
        if (subscriber.readyState === WebSocket.OPEN) subscriber.send(message);
      }
    }
    client.send(JSON.stringify({ event: 'reply', data: { channel } }));
  });

  client.on('close', () => {
    for (const room of joined) room.delete(client);
  });
});
