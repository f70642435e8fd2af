import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errorData } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { userAnswer } from '../src/admin/answers.js';
import { ADMIN_OPERATIONS, PAGE_OPERATIONS } from '../src/admin/operations.js';
import { historyAnswer } from '../src/api/answers.js';
import { createApp } from '../src/app.js';
import { ConfigError } from '../src/config/index.js';
import { connectAs } from './support/connect-as.js';
import { API_KEY, JWT_SECRET, startGateway, testConfig, type TestGateway } from './support/gateway.js';
import { startGatewaysOnOneBroker } from './support/gateways-on-one-broker.js';

const ADMIN_KEY = 'an-admin-key-of-the-tests';
const KEYS = { HOLDFAST_ADMIN_KEYS: ADMIN_KEY };
const ON = { ...KEYS, HOLDFAST_OPERATIONS_PAGE: 'true' };

interface Asked {
  readonly authorization?: string;
  /** Sent by POST. */
  readonly body?: string;
  readonly type?: string;
}

async function ask(
  { managementUrl }: Pick<TestGateway, 'managementUrl'>,
  path: string,
  { authorization = `Bearer ${ADMIN_KEY}`, body, type = 'application/json' }: Asked = {},
) {
  const answer = await fetch(`${managementUrl}${path}`, {
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { method: 'POST', body }),
  });
  return { status: answer.status, body: await answer.json() };
}

const PATHS = Object.values(PAGE_OPERATIONS).map(
  ({ path, method }) => [path.replace('{user}', 'ann').replace('{channel}', 'chat:a'), method] as const,
);

const page = fileURLToPath(new URL('../../operations/dist/index.html', import.meta.url));

describe('without the operations page', () => {
  it.each(['/operations', '/operations/', ...PATHS.map(([path]) => path)])('%s does not exist', async (path) => {
    const sut = await startGateway({}, KEYS);
    for (const body of [undefined, '{}']) {
      const answer = await ask(sut, path, body === undefined ? {} : { body });
      expect(answer).toEqual({ status: 404, body: errorData('not_found', 'the metrics are at /metrics') });
    }
  });
});

it('a gateway with the page and without an admin key does not start, and says what is missing', async () => {
  const start = createApp(testConfig({}, { HOLDFAST_OPERATIONS_PAGE: 'true' }));
  const error = await start.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).problems).toEqual([
    'operationsPage: expected a key in HOLDFAST_ADMIN_KEYS or HOLDFAST_ADMIN_KEYS_FILE, which opens the page',
  ]);
});

describe.runIf(existsSync(page))('the operations page', () => {
  it('is served without a key, is not cached, and may neither be framed nor run inline scripts', async () => {
    const sut = await startGateway({}, ON);
    const answer = await fetch(`${sut.managementUrl}/operations/`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    const policy = answer.headers.get('content-security-policy') ?? '';
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"]) {
      expect(policy).toContain(part);
    }
    expect(policy).not.toContain('unsafe');
    const html = await answer.text();
    expect(html).not.toMatch(/<script>|<style>| on\w+=| style=/);
    for (const secret of [ADMIN_KEY, API_KEY, JWT_SECRET]) expect(html).not.toContain(secret);
  });

  it('has assets that may be cached, and nothing else', async () => {
    const sut = await startGateway({}, ON);
    const html = await (await fetch(`${sut.managementUrl}/operations/`)).text();
    const assets = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path]) => path);
    expect(assets.length).toBeGreaterThan(1);
    for (const asset of assets) {
      const file = await fetch(`${sut.managementUrl}/operations/${asset}`);
      expect([file.status, file.headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable']);
    }
    for (const path of ['index.html', 'assets/', 'assets/nothing.js', '..%2fpackage.json']) {
      expect((await fetch(`${sut.managementUrl}/operations/${path}`)).status, path).toBe(404);
    }
  });

  it('is also found without the slash, behind any prefix', async () => {
    const sut = await startGateway({}, ON);
    const answer = await fetch(`${sut.managementUrl}/operations`, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([308, 'operations/']);
  });

  it('is not served on the public port', async () => {
    const sut = await startGateway({}, ON);
    for (const path of ['/operations', '/operations/', ...PATHS.map(([one]) => one)]) {
      expect((await ask({ managementUrl: sut.url }, path)).status, path).toBe(404);
    }
  });

  it('is off while there is no key', async () => {
    const sut = await startGateway({}, ON);
    sut.config.adminKeys.replace([]);
    expect((await fetch(`${sut.managementUrl}/operations/`)).status).toBe(404);
    sut.config.adminKeys.replace([ADMIN_KEY]);
    expect((await fetch(`${sut.managementUrl}/operations/`)).status).toBe(200);
  });
});

describe.runIf(existsSync(page))('what the operations page adds to the admin API', () => {
  it.each(PATHS)('%s needs an admin key, and no other secret opens it', async (path, method) => {
    const sut = await startGateway({}, ON);
    const body = method === 'post' ? { body: '{}' } : {};
    for (const authorization of ['', ADMIN_KEY, `Bearer ${API_KEY}`, `Bearer ${JWT_SECRET}`]) {
      expect(await ask(sut, path, { ...body, authorization })).toEqual({
        status: 401,
        body: errorData('unauthorized'),
      });
    }
    expect((await ask(sut, path, body)).status).toBe(200);
    expect((await ask(sut, `${path}?unknown=1`, body)).body).toMatchObject({ code: 'invalid' });
    const other = method === 'post' ? {} : { body: '{}' };
    expect((await ask(sut, path, other)).body).toMatchObject({ code: 'method_not_allowed' });
  });

  it('is in its OpenAPI document, with valid examples', async () => {
    const { body } = await ask(await startGateway({}, ON), '/admin/openapi.json');
    const operations = [...Object.values(ADMIN_OPERATIONS), ...Object.values(PAGE_OPERATIONS)];
    expect(Object.keys(body.paths)).toEqual(operations.map(({ path }) => path));
    for (const { answer } of Object.values(PAGE_OPERATIONS)) answer.schema.parse(answer.example);
  });

  it('finds a user on all pods, disconnects and blocks the user there, and ends the block', async () => {
    const gateways = await startGatewaysOnOneBroker([
      { ...ON, HOLDFAST_NODE: 'first' },
      { ...ON, HOLDFAST_NODE: 'second' },
    ]);
    const [first, second] = gateways as [TestGateway, TestGateway];
    const clients = [await connectAs(first, { sub: 'ann' }), await connectAs(second, { sub: 'ann' })];
    const bob = await connectAs(second, { sub: 'bob' });
    const user = async () => userAnswer.strict().parse((await ask(first, '/admin/users/ann')).body);
    const { connections, blockedUntil } = await user();
    expect(connections.map(({ node }) => node).toSorted()).toEqual(['first', 'second']);
    expect(blockedUntil).toBeUndefined();

    const until = Date.now() + 60_000;
    const body = JSON.stringify({ until });
    expect(await ask(first, '/admin/users/ann/disconnect', { body })).toEqual({ status: 200, body: {} });
    for (const client of clients) expect((await client.closed).code).toBe(4009);
    await expect.poll(user).toEqual({ connections: [], blockedUntil: until });
    await expect(connectAs(second, { sub: 'ann' })).rejects.toThrow('closed before "welcome"');
    expect(bob.webSocket.readyState).toBe(bob.webSocket.OPEN);

    expect((await ask(second, '/admin/users/ann/unblock', { body: '{}' })).status).toBe(200);
    await expect.poll(user).toEqual({ connections: [] });
    await connectAs(first, { sub: 'ann' });
  });

  it('refuses a body that is not JSON, too large, or wrong', async () => {
    const sut = await startGateway({ api: { maxBody: 1_024 } }, ON);
    const path = '/admin/users/ann/disconnect';
    const codes = async (asked: Asked) => (await ask(sut, path, asked)).body.code;
    expect(await codes({ body: '{}', type: 'text/plain' })).toBe('unsupported_media_type');
    expect(await codes({ body: '{' })).toBe('malformed');
    expect(await codes({ body: JSON.stringify('x'.repeat(2_000)) })).toBe('too_large');
    expect(await codes({ body: '{"until":"now"}' })).toBe('invalid');
    expect(await codes({ body: '{"until":1}' })).toBe('invalid');
  });

  it('reads the latest messages of a channel', async () => {
    const sut = await startGateway({ namespaces: { silent: { history: { size: 0 } } } }, ON);
    const ann = await connectAs(sut, { sub: 'ann' });
    for (const text of ['one', 'two', 'three']) await ann.publish('chat:a/b', text);
    const { body } = await ask(sut, '/admin/channels/chat%3Aa%2Fb/history?reverse=true&limit=2');
    const { publications } = historyAnswer.strict().parse(body);
    expect(publications.map(({ data }) => data)).toEqual(['three', 'two']);
    expect(publications[0]?.sender?.user).toBe('ann');
    expect((await ask(sut, '/admin/channels/silent:a/history')).body).toMatchObject({ code: 'history_disabled' });
  });
});
