import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errorData } from '@holdfast/protocol';
import { Module } from '@nestjs/common';
import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { DemoController } from '../src/demo/demo.controller.js';
import { refusal } from './support/connect-as.js';
import { startGateway, type TestGateway } from './support/gateway.js';

/** The API of the demo without the page, which would need a build. */
@Module({ controllers: [DemoController] })
class DemoApiModule {}

const GUEST = { name: 'Alice', secret: 'a-secret-of-the-page' };

function startDemo(file: object = {}, env: NodeJS.ProcessEnv = {}): Promise<TestGateway> {
  return startGateway(file, env, DemoApiModule);
}

async function post({ url }: TestGateway, guest: unknown): Promise<Response> {
  return fetch(`${url}/demo/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(guest),
  });
}

async function tokenOf(
  gateway: TestGateway,
  guest: unknown,
): Promise<{ token: string; user: string; expires: number }> {
  const answer = await post(gateway, guest);
  expect(answer.status).toBe(200);
  return (await answer.json()) as { token: string; user: string; expires: number };
}

describe('GET /demo/config', () => {
  it.each([true, false])('returns the rooms, and whether anonymous access is on: %s', async (anonymous) => {
    const gateway = await startDemo({}, { HOLDFAST_ANONYMOUS: String(anonymous) });
    const answer = await fetch(`${gateway.url}/demo/config`);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.json()).toEqual({ namespace: 'chat', rooms: ['lobby', 'random', 'help'], anonymous });
  });
});

describe('POST /demo/token', () => {
  it('returns a token that permits the rooms and nothing else', async () => {
    const gateway = await startDemo({ namespaceDefaults: { subscribe: 'granted', publish: 'granted' } });
    const { token, user, expires } = await tokenOf(gateway, GUEST);
    const guest = await gateway.connect(`?access_token=${token}`);
    expect(guest.welcome.user).toBe(user);
    expect(guest.welcome.expires).toBeGreaterThan(expires - 10_000);
    expect(guest.welcome.expires).toBeLessThanOrEqual(expires);
    expect(await guest.subscribe('chat:lobby', { presence: true })).toMatchObject({
      members: [{ user, info: { name: 'Alice' } }],
    });
    expect(await guest.publish('chat:any-room', 'hi')).toMatchObject({ offset: 1 });
    for (const channel of ['chat', 'other:lobby', 'chat2:lobby', '@alice']) {
      expect(await refusal(guest.subscribe(channel))).toMatchObject({ code: 'forbidden' });
      expect(await refusal(guest.publish(channel, 'hi'))).toMatchObject({ code: 'forbidden' });
    }
  });

  it('identifies a guest by the secret, under any name, and does not reveal the secret', async () => {
    const gateway = await startDemo();
    const { user, token } = await tokenOf(gateway, GUEST);
    expect(await tokenOf(gateway, { ...GUEST, name: 'Bob' })).toMatchObject({ user });
    expect((await tokenOf(gateway, { ...GUEST, secret: 'another-secret-of-a-page' })).user).not.toBe(user);
    expect(JSON.stringify(decodeJwt(token))).not.toContain(GUEST.secret);
    const restarted = await startDemo();
    expect((await tokenOf(restarted, GUEST)).user).toBe(user);
  });

  it('returns a token with the issuer and audience that the gateway requires', async () => {
    const gateway = await startDemo({ auth: { jwt: { issuer: 'us', audience: 'holdfast' } } });
    const { token, user } = await tokenOf(gateway, GUEST);
    expect((await gateway.connect(`?access_token=${token}`)).welcome.user).toBe(user);
  });

  it.each(['A', ' Ann ', 'x'.repeat(40), 'Zoë 👋', '<b>'])('accepts the name %j, trimmed', async (name) => {
    const gateway = await startDemo();
    const { token } = await tokenOf(gateway, { ...GUEST, name });
    expect(decodeJwt(token)['info']).toEqual({ name: name.trim() });
  });

  it.each<[string, unknown]>([
    ['no name', { secret: GUEST.secret }],
    ['an empty name', { ...GUEST, name: '' }],
    ['a blank name', { ...GUEST, name: ' \n ' }],
    ['a long name', { ...GUEST, name: 'x'.repeat(41) }],
    ['a name of another type', { ...GUEST, name: 1 }],
    ['no secret', { name: 'Alice' }],
    ['a short secret', { ...GUEST, secret: 'x'.repeat(15) }],
    ['a long secret', { ...GUEST, secret: 'x'.repeat(101) }],
    ['claims of its own', { ...GUEST, channels: ['*'] }],
    ['a list', [GUEST]],
    ['null', null],
  ])('refuses %s', async (_what, guest) => {
    const gateway = await startDemo();
    const answer = await post(gateway, guest);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'invalid' });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('reports that there is no secret for signing', async () => {
    const gateway = await startDemo();
    gateway.config.auth.jwt.secrets.replace([]);
    const answer = await post(gateway, GUEST);
    expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'not_found' }]);
  });
});

it('the routes do not exist without the demo', async () => {
  const gateway = await startGateway();
  for (const path of ['/demo/config', '/demo/token', '/']) {
    expect((await fetch(`${gateway.url}${path}`)).status).toBe(404);
  }
});

const page = fileURLToPath(new URL('../../chat/dist/index.html', import.meta.url));

describe.runIf(existsSync(page))('the chat page', () => {
  it.each(['/api/publish', '/demo/token'])('does not replace the errors of %s', async (path) => {
    const gateway = await startGateway({}, { HOLDFAST_DEMO: 'true' });
    const headers = { 'content-type': 'text/plain' };
    const answer = await fetch(`${gateway.url}${path}`, { method: 'POST', headers, body: 'x' });
    expect([answer.status, await answer.json()]).toEqual([415, errorData('unsupported_media_type')]);
  });

  it('is not cached but its assets are, and it must not run inline scripts', async () => {
    const gateway = await startGateway({}, { HOLDFAST_DEMO: 'true' });
    const answer = await fetch(gateway.url);
    expect(answer.headers.get('content-type')).toContain('text/html');
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    const html = await answer.text();
    expect(html).not.toMatch(/<script>|<style>| on\w+=| style=/);
    const assets = [...html.matchAll(/(?:src|href)="\.?(\/assets\/[^"]+)"/g)].map(([, path]) => path);
    expect(assets.length).toBeGreaterThan(1);
    for (const asset of assets) {
      const file = await fetch(`${gateway.url}${asset}`);
      expect(file.status).toBe(200);
      expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    }
  });

  it.each([
    '/nothing',
    '/assets/nothing.js',
    '/assets/',
    '/..%2fpackage.json',
    '/%2e%2e/package.json',
    '/index.html/x',
  ])('does not replace the 404 of %s', async (path) => {
    const gateway = await startGateway({}, { HOLDFAST_DEMO: 'true' });
    const answer = await fetch(`${gateway.url}${path}`);
    expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'not_found' }]);
  });
});
