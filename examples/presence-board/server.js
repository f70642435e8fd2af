import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { HOLDFAST_JWT_SECRET, PORT = '5173' } = process.env;

const FILES = {
  '/': ['text/html', new URL('index.html', import.meta.url)],
  '/holdfast.js': ['text/javascript', new URL('../../libs/client/dist/index.js', import.meta.url)],
};

function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** @param user whom the gateway knows by it. @param name that others see. */
function tokenFor(user, name) {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const claims = { sub: user, exp, info: { name }, channels: ['board:*'] };
  const content = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${content}.${createHmac('sha256', HOLDFAST_JWT_SECRET).update(content).digest('base64url')}`;
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (pathname === '/token') {
    // Your backend knows the name from its own sign-in, and does not ask the page.
    const name = (searchParams.get('name') ?? '').slice(0, 40);
    const user = /user=([\w-]{36})/.exec(request.headers.cookie ?? '')?.[1] ?? randomUUID();
    response.setHeader('Set-Cookie', `user=${user}; HttpOnly; SameSite=Lax`);
    response.end(tokenFor(user, name));
    return;
  }
  const file = FILES[pathname];
  if (file === undefined) {
    response.writeHead(404).end();
    return;
  }
  const [type, path] = file;
  response.setHeader('Content-Type', `${type}; charset=utf-8`);
  response.end(readFileSync(path));
});

server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://localhost:${server.address().port}`));
