import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const { PORT = '5173' } = process.env;
const messages = []; // yours are in a database

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  if (pathname === '/messages') return response.end(JSON.stringify(messages));
  if (pathname === '/') return response.end(readFileSync(new URL('index.html', import.meta.url)));
  response.writeHead(404).end();
});
const io = new Server(server);

io.on('connection', (socket) => {
  const { user } = socket.handshake.auth; // yours is signed in
  void socket.join('lobby');
  socket.on('say', ({ id, text }) => say({ id, user, text }));
});

function say(message) {
  if (messages.some(({ id }) => id === message.id)) return; // said again after an interruption
  messages.push(message);
  io.to('lobby').emit('said', message);
}

server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://localhost:${PORT}`));
