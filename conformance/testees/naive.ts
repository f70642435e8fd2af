/** A typical first attempt at a client: it reconnects at once whatever happened, and remembers nothing. The suite's tests use it. */
import { WebSocket } from 'ws';

const { HOLDFAST_URL = '', HOLDFAST_CHANNEL = '' } = process.env;
let socket: WebSocket | undefined;

function connect(): void {
  socket = new WebSocket(HOLDFAST_URL, ['holdfast.v1.json']);
  socket.on('error', () => {});
  socket.on('close', connect);
  socket.on('message', (text: Buffer) => {
    const { event, data } = JSON.parse(text.toString()) as { event: string; data: { offset: number; data: string } };
    if (event === 'welcome') {
      socket?.send(JSON.stringify({ event: 'subscribe', id: 1, data: { channel: HOLDFAST_CHANNEL } }));
    } else if (event === 'message') {
      process.stdout.write(`${JSON.stringify({ event, offset: data.offset, data: data.data })}\n`);
    }
  });
}

connect();
process.stdin.on('end', () => process.exit()).resume();
