import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { webhookSecret } from '../../test/support/backend.js';
import { HttpServer, json, type Received } from '../../test/support/http-server.js';
import { signedPost } from './signed-post.js';

const OLD = webhookSecret();
const NEW = webhookSecret();

async function received(secrets: readonly string[] = [NEW, OLD]): Promise<Received> {
  const server = await HttpServer.start((response) => json(response, {}));
  await signedPost({ url: server.url, secrets, type: 'test', data: { name: 'Ünsal 💥' }, timeout: 5_000 });
  const [one] = server.received;
  if (one === undefined) throw new Error('nothing was sent');
  return one;
}

type Verify = (secret: string, request: Received) => boolean;

function byLibrary(secret: string, { headers, body }: Received): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}

const DOCS = readFileSync(new URL('../../../../docs/webhooks.md', import.meta.url), 'utf8');
const [, PYTHON = ''] = /```python\n(.*?)```/s.exec(DOCS) ?? [];

function bySampleOfTheDocs(secret: string, request: Received): boolean {
  const program = `${PYTHON}
import json, sys
request = json.load(sys.stdin)
print(is_from_gateway(request["secret"], request["headers"], request["body"].encode()))`;
  const input = JSON.stringify({ secret, headers: request.headers, body: request.body });
  return execFileSync('python3', ['-c', program], { input, encoding: 'utf8' }).trim() === 'True';
}

describe.each<[string, Verify]>([
  ['the library of Standard Webhooks', byLibrary],
  ['the Python of the docs', bySampleOfTheDocs],
])('a signed request, verified by %s', (_verifier, verify) => {
  it('is accepted by every holder of one of the secrets', async () => {
    const request = await received();
    expect([OLD, NEW, webhookSecret()].map((secret) => verify(secret, request))).toEqual([true, true, false]);
  });

  it.each<[string, (request: Received) => Received]>([
    ['another body', (request) => ({ ...request, body: request.body.replace('test', 'tost') })],
    ['white space in the body', (request) => ({ ...request, body: `${request.body} ` })],
    ['another id', (request) => withHeader(request, 'webhook-id', 'msg_other')],
    ['another time', (request) => withHeader(request, 'webhook-timestamp', String(Math.floor(Date.now() / 1000) - 1))],
    ['another signature', (request) => withHeader(request, 'webhook-signature', `v1,${'A'.repeat(43)}=`)],
    ['no signature', (request) => withHeader(request, 'webhook-signature', '')],
  ])('is rejected with %s', async (_what, change) => {
    expect(verify(NEW, change(await received()))).toBe(false);
  });

  it('is rejected if it is replayed later', async () => {
    const request = await received();
    const old = withHeader(request, 'webhook-timestamp', String(Math.floor(Date.now() / 1000) - 3_600));
    const timestamp = new Date(Number(old.headers['webhook-timestamp']) * 1000);
    const signature = new Webhook(NEW).sign(String(old.headers['webhook-id']), timestamp, old.body);
    expect(verify(NEW, withHeader(old, 'webhook-signature', signature))).toBe(false);
  });
});

function withHeader(request: Received, name: string, value: string): Received {
  return { ...request, headers: { ...request.headers, [name]: value } };
}
