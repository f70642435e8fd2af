/**
 * Many clients in a process of their own, because a process may not have enough files for all sockets. Each subscribes to
 * one room with presence. Reports when they are connected, and answers each message with what its clients have received.
 */
import { once } from 'node:events';
import process from 'node:process';
import { SignJWT } from 'jose';
import { WebSocket } from 'ws';

export interface ClientsOptions {
  readonly urls: readonly string[];
  readonly secret: string;
  readonly first: number;
  readonly count: number;
  readonly rooms: number;
}

export interface ClientsReport {
  /** The number of connected and subscribed clients. */
  readonly subscribed: number;
  readonly closed: number;
  readonly joins: number;
  readonly leaves: number;
}

/** How many clients are opened at a time. */
const BATCH = 50;

const { urls, secret, first, count, rooms } = JSON.parse(process.argv[2] ?? '') as ClientsOptions;
const key = new TextEncoder().encode(secret);
const report = { subscribed: 0, closed: 0, joins: 0, leaves: 0 };

async function connect(index: number): Promise<void> {
  const token = await new SignJWT({ sub: `user-${index}` }).setProtectedHeader({ alg: 'HS256' }).sign(key);
  const options = { perMessageDeflate: false, headers: { authorization: `Bearer ${token}` } };
  const socket = new WebSocket(urls[index % urls.length] ?? '', ['holdfast.v1.json'], options);
  socket.on('close', () => (report.closed += 1));
  socket.on('error', () => undefined);
  await once(socket, 'open');
  const subscribed = new Promise<void>((resolve, reject) => {
    socket.on('message', (data: Buffer) => {
      const { event } = JSON.parse(data.toString()) as { event: string };
      if (event === 'join') report.joins += 1;
      else if (event === 'leave') report.leaves += 1;
      else if (event === 'reply') resolve();
      else if (event === 'error') reject(new Error(data.toString()));
    });
  });
  // The members of a room are on different pods.
  const channel = `room:${Math.floor(index / urls.length) % rooms}`;
  socket.send(JSON.stringify({ event: 'subscribe', id: 1, data: { channel, presence: true } }));
  await subscribed;
  report.subscribed += 1;
}

for (let start = first; start < first + count; start += BATCH) {
  const size = Math.min(BATCH, first + count - start);
  await Promise.all(Array.from({ length: size }, (_, index) => connect(start + index)));
}
process.on('message', () => process.send?.(report));
process.send?.(report);
