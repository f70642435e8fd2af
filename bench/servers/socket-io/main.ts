/** Textbook Socket.IO: rooms, and with Redis its streams adapter, which stores messages like Holdfast's broker. */
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';

const { PORT, REDIS_URL, COMPRESS_FROM } = process.env;

const http = createServer();
const io = new Server(http, {
  transports: ['websocket'],
  ...(COMPRESS_FROM === undefined ? {} : { perMessageDeflate: { threshold: Number(COMPRESS_FROM) } }),
  ...(REDIS_URL === undefined ? {} : { adapter: createAdapter(new Redis(REDIS_URL)) }),
});

io.on('connection', (socket) => {
  socket.on('subscribe', async (channel: string, done: () => void) => {
    await socket.join(channel);
    done();
  });
  socket.on('publish', (channel: string, data: unknown, done: () => void) => {
    io.to(channel).emit('message', channel, data);
    done();
  });
});

http.listen(Number(PORT), '127.0.0.1');
