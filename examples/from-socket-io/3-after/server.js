import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { callIn, publish, tokenFor } from '../holdfast.js';

const { PORT = '5173' } = process.env;
const messages = []; // yours are in a database

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (pathname === '/messages') return response.end(JSON.stringify(messages));
  if (pathname === '/') return response.end(readFileSync(new URL('index.html', import.meta.url)));
  if (pathname === '/holdfast.js') {
    response.setHeader('content-type', 'text/javascript');
    return response.end(readFileSync(new URL(import.meta.resolve('@holdfast/client'))));
  }
  if (pathname === '/token') return response.end(tokenFor(searchParams.get('user'))); // yours is signed in
  if (pathname === '/holdfast' && request.method === 'POST') return void answer(request, response);
  response.writeHead(404).end();
});

/** What clients say arrives here. */
async function answer(request, response) {
  try {
    const { user, event, data } = await callIn(request);
    if (event === 'chat.say' && user !== undefined) {
      say({ id: data.id, user, text: data.text });
      response.end('{}');
    } else
      response.end(JSON.stringify({ error: { message: 'not a call of this application, or nobody is signed in' } }));
  } catch {
    response.writeHead(401).end();
  }
}

function say(message) {
  if (messages.some(({ id }) => id === message.id)) return; // said again after an interruption
  messages.push(message);
  publish('chat:lobby', message, message.id);
}

server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://localhost:${PORT}`));
