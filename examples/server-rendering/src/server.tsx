import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { renderToString } from 'react-dom/server';
import { App } from './app.tsx';
import { readState } from './state.ts';

const { PORT = '5173' } = process.env;

/** What `vite build` has made of index.html and page.tsx. */
const PAGE = new URL('../page/', import.meta.url);
const template = readFileSync(new URL('index.html', PAGE), 'utf8');
const scripts = new Map(
  readdirSync(new URL('assets', PAGE)).map((name) => [
    `/assets/${name}`,
    readFileSync(new URL(`assets/${name}`, PAGE)),
  ]),
);

async function render(): Promise<string> {
  const state = await readState();
  // A message with `</script>` in it must not end the script.
  const json = JSON.stringify(state).replaceAll('<', '\\u003c');
  return template
    .replace('<!--app-->', () => renderToString(<App {...state} />))
    .replace('<script id="state" type="application/json">', (tag) => tag + json);
}

async function answer({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const script = scripts.get(url);
  try {
    if (script !== undefined) response.setHeader('Content-Type', 'text/javascript').end(script);
    else if (url !== '/') response.writeHead(404).end();
    else {
      const html = await render();
      response.setHeader('Content-Type', 'text/html; charset=utf-8').setHeader('Cache-Control', 'no-store').end(html);
    }
  } catch (error) {
    console.error(error);
    response.writeHead(503, { 'Retry-After': '5' }).end('try again in a moment');
  }
}

const server = createServer((request, response) => void answer(request, response));

server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://localhost:${PORT}`));
