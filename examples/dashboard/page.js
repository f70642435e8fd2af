import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { PORT = '5173' } = process.env;

const FILES = {
  '/': ['text/html', new URL('index.html', import.meta.url)],
  '/holdfast.js': ['text/javascript', new URL(import.meta.resolve('@holdfast/client'))],
};

const server = createServer((request, response) => {
  const file = FILES[new URL(request.url, 'http://localhost').pathname];
  if (file === undefined) return response.writeHead(404).end();
  const [type, path] = file;
  response.setHeader('Content-Type', `${type}; charset=utf-8`).end(readFileSync(path));
});

server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://localhost:${PORT}`));
