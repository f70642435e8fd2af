import { readFileSync } from 'node:fs';
import { BROKER, brokerKind, type Broker } from '@holdfast/broadcast';
import { errorData, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import {
  channelsPage,
  connectionsPage,
  stateAnswer,
  type ChannelsPage,
  type ConnectionsPage,
  type State,
} from '../src/admin/answers.js';
import { fingerprintOf } from '../src/admin/fingerprint.js';
import { ADMIN_OPERATIONS } from '../src/admin/operations.js';
import { Connections } from '../src/connection/connections.js';
import { Lifecycle } from '../src/lifecycle/lifecycle.js';
import { UserCommands } from '../src/users/user-commands.js';
import { connectAs } from './support/connect-as.js';
import { API_KEY, JWT_SECRET, startGateway, testConfig, type TestGateway } from './support/gateway.js';
import { TestClient } from './support/test-client.js';

const ADMIN_KEY = 'an-admin-key-of-the-tests';
const ON = { HOLDFAST_ADMIN_KEYS: `another-admin-key-of-the-tests,${ADMIN_KEY}` };

interface Asked {
  readonly method?: string;
  readonly authorization?: string;
}

async function ask({ managementUrl }: TestGateway, path: string, { method = 'GET', authorization }: Asked = {}) {
  const answer = await fetch(`${managementUrl}${path}`, {
    method,
    headers: { authorization: authorization ?? `Bearer ${ADMIN_KEY}` },
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, body: text === '' ? undefined : JSON.parse(text) };
}

async function stateOf(sut: TestGateway): Promise<State> {
  const { status, body } = await ask(sut, '/admin/state');
  expect(status).toBe(200);
  // Nothing but what the schema describes.
  return z.strictObject(stateAnswer.shape).parse(body);
}

async function connectionsOf(sut: TestGateway, query = ''): Promise<ConnectionsPage> {
  const { status, body } = await ask(sut, `/admin/connections${query}`);
  expect(status).toBe(200);
  return z.strictObject(connectionsPage.shape).parse(body);
}

async function channelsOf(sut: TestGateway, query = ''): Promise<ChannelsPage> {
  const { status, body } = await ask(sut, `/admin/channels${query}`);
  expect(status).toBe(200);
  return z.strictObject(channelsPage.shape).parse(body);
}

const PATHS = Object.values(ADMIN_OPERATIONS).map(({ path }) => path);

describe('the admin API', () => {
  it.each(PATHS)('%s does not exist without an admin key in the configuration', async (path) => {
    const sut = await startGateway();
    for (const method of ['GET', 'POST']) {
      const { status, body } = await ask(sut, path, { method, authorization: `Bearer ${API_KEY}` });
      expect({ status, body }).toEqual({ status: 404, body: errorData('not_found', 'the metrics are at /metrics') });
    }
  });

  it.each(PATHS)('%s needs an admin key, and no other secret opens it', async (path) => {
    const sut = await startGateway({}, ON);
    const others = [
      '',
      ADMIN_KEY,
      `Basic ${ADMIN_KEY}`,
      `Bearer ${ADMIN_KEY}x`,
      `Bearer ${API_KEY}`,
      `Bearer ${JWT_SECRET}`,
    ];
    for (const authorization of others) {
      const { status, headers, body } = await ask(sut, path, { authorization });
      expect({ status, body }).toEqual({ status: 401, body: errorData('unauthorized') });
      expect(headers.get('www-authenticate')).toBe('Bearer');
    }
    expect((await ask(sut, `${path}?access_token=${ADMIN_KEY}`, { authorization: '' })).status).toBe(401);
    expect((await ask(sut, path)).status).toBe(200);
  });

  it('is not served on the public port', async () => {
    const sut = await startGateway({}, ON);
    for (const path of PATHS) expect((await ask({ ...sut, managementUrl: sut.url }, path)).status).toBe(404);
  });

  it('refuses unknown parameters, and methods that it does not support', async () => {
    const sut = await startGateway({}, ON);
    for (const path of PATHS) expect((await ask(sut, `${path}?unknown=1`)).body).toMatchObject({ code: 'invalid' });
    const { status, headers } = await ask(sut, '/admin/state', { method: 'DELETE' });
    expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(await ask(sut, '/admin/state', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  });

  it('is never stored in a cache', async () => {
    const sut = await startGateway({}, ON);
    expect((await ask(sut, '/admin/state')).headers.get('cache-control')).toBe('no-store');
  });

  it('is described by an OpenAPI document with valid examples', async () => {
    const { body } = await ask(await startGateway({}, ON), '/admin/openapi.json');
    expect(body.openapi).toMatch(/^3\.1\.\d$/);
    expect(Object.keys(body.paths)).toEqual(PATHS);
    expect(Object.keys(body.paths['/admin/state'].get.responses)).toEqual(['200', '400', '401', '500']);
    const { schema } = body.paths['/admin/state'].get.responses['200'].content['application/json'];
    expect(schema.required).toEqual(Object.keys(stateAnswer.shape));
    for (const operation of Object.values(ADMIN_OPERATIONS)) {
      if ('answer' in operation) operation.answer.schema.parse(operation.answer.example);
    }
  });
});

describe('GET /admin/state', () => {
  it('describes the pod', async () => {
    const sut = await startGateway({ limits: { connections: { perPod: 7 }, channels: 5 } }, ON);
    const [before, clients] = [Date.now(), [await connectAs(sut, { sub: 'ann' }), await sut.connect()]];
    for (const client of clients) await client.subscribe('chat:a');
    await clients[1]?.publish('chat:a', 'Hello');
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    const state = await stateOf(sut);
    expect(state).toMatchObject({
      node: 'test-node',
      version,
      configuration: fingerprintOf(sut.config),
      stage: 'ready',
      drain: { settle: 0, window: 0 },
      ready: true,
      reasons: [],
      overloaded: false,
      broker: { kind: 'memory', up: true, reconnects: 0 },
      connections: 2,
      clients: 2,
      users: 1,
      channels: 1,
      subscriptions: 2,
      totals: { published: 1, messagesOut: 2, slowConsumers: 0, gaps: 0 },
      slowConsumers: [],
    });
    for (const clock of [state.now, state.broker.now]) {
      expect(clock).toBeGreaterThanOrEqual(before);
      expect(clock).toBeLessThanOrEqual(Date.now());
    }
    expect(state.uptime).toBeGreaterThan(0);
    expect(state.limits).toEqual(
      expect.arrayContaining([
        { name: 'connections', used: 2, max: 7 },
        { name: 'channels', used: 1, max: 5 },
      ]),
    );
    const held = state.limits.find(({ name }) => name === 'heldBytes');
    expect(held?.used).toBeGreaterThan(20_000);
    expect(held?.max).toBeGreaterThan(held?.used ?? 0);
  });

  it('says why the pod is not ready, and remembers the latest outage of the broker', async () => {
    const sut = await startGateway({ health: { brokerOutage: 'unready' } }, ON);
    sut.app.get(Lifecycle).stage = 'draining';
    const health = vi.spyOn(sut.app.get<Broker>(BROKER), 'health');
    health.mockReturnValue({ status: 'down', reason: 'the connection was lost' });
    const began = Date.now();
    const down = { kind: 'memory', up: false, reason: 'the connection was lost' };
    await vi.waitFor(async () => {
      expect(await stateOf(sut)).toMatchObject({
        stage: 'draining',
        ready: false,
        reasons: ['gateway: draining', 'broker: the connection was lost'],
        broker: { ...down, lastOutage: { reason: 'the connection was lost', at: expect.any(Number) } },
      });
    }, 5_000);
    health.mockRestore();
    const { broker } = await vi.waitFor(async () => {
      const state = await stateOf(sut);
      expect(state).toMatchObject({ reasons: ['gateway: draining'], broker: { up: true } });
      return state;
    }, 5_000);
    expect(broker.reason).toBeUndefined();
    expect(broker.lastOutage?.at).toBeGreaterThanOrEqual(began);
  });

  it('shows the epoch of the broker once a user is blocked', async () => {
    const sut = await startGateway({}, ON);
    expect((await stateOf(sut)).broker.epoch).toBeUndefined();
    const response = await fetch(`${sut.url}/api/users/eve/disconnect`, {
      method: 'POST',
      headers: { 'x-api-key': API_KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ until: Date.now() + 60_000 }),
    });
    expect(response.status).toBe(200);
    await sut.app.get(UserCommands).load();
    expect((await stateOf(sut)).broker.epoch).toEqual(expect.any(String));
  });

  it('lists the connections that read too slowly, the slowest first', async () => {
    const sut = await startGateway({ connection: { maxBuffered: 10_000_000 } }, ON);
    const [fast, slow] = [await connectAs(sut, { sub: 'fast' }), await connectAs(sut, { sub: 'slow' })];
    slow.webSocket.pause();
    const [connection] = sut.app.get(Connections).ofUser('slow');
    await vi.waitFor(
      () => {
        // What the kernel has not taken of what was sent before.
        const left = connection?.unwritten;
        connection?.sendText('x'.repeat(500_000));
        expect(left).toBeGreaterThan(100_000);
      },
      { interval: 5 },
    );
    expect((await stateOf(sut)).slowConsumers).toEqual([
      { connection: connection?.id, client: connection?.client, user: 'slow', waiting: expect.any(Number) },
    ]);
    await fast.close();
    slow.webSocket.terminate();
  });

  it('contains no secret', async () => {
    const secrets = { ...ON, HOLDFAST_JWT_SECRET: JWT_SECRET, HOLDFAST_API_KEYS: API_KEY };
    const sut = await startGateway({}, secrets);
    const { text } = await ask(sut, '/admin/state');
    for (const secret of [ADMIN_KEY, JWT_SECRET, API_KEY]) expect(text).not.toContain(secret);
  });
});

describe('the fingerprint of the configuration', () => {
  it('is the same for pods that are configured alike, whatever their names and secrets', () => {
    const [one, other] = [testConfig({}, { HOLDFAST_NODE: 'a' }), testConfig({}, { HOLDFAST_NODE: 'b', ...ON })];
    expect(fingerprintOf(one)).toBe(fingerprintOf(other));
  });

  it.each([{ keyWindow: 60 }, { namespaces: { chat: { presence: true } } }, { limits: { memory: 99_999_999 } }])(
    'differs with %o',
    (file) => {
      expect(fingerprintOf(testConfig(file))).not.toBe(fingerprintOf(testConfig()));
    },
  );
});

describe('GET /admin/connections', () => {
  it('lists each connection with its user, addresses, subprotocol, age and what waits for it', async () => {
    const sut = await startGateway({ limits: { trustedHops: 0 } }, ON);
    const ann = await connectAs(sut, { sub: 'ann' });
    await ann.subscribe('chat:a');
    const { connections, next } = await connectionsOf(sut);
    expect(connections).toEqual([
      {
        id: sut.app.get(Connections).all()[0]?.id,
        client: expect.any(String),
        user: 'ann',
        address: '127.0.0.1',
        peer: expect.stringContaining('127.0.0.1'),
        age: expect.any(Number),
        subscriptions: 1,
        buffered: 0,
      },
    ]);
    expect(next).toBeUndefined();
    const library = await TestClient.connect(sut.webSocketUrl, [SUBPROTOCOL]);
    const { connections: both } = await connectionsOf(sut);
    expect(new Set(both.map(({ protocol }) => protocol))).toEqual(new Set([SUBPROTOCOL, undefined]));
    await library.close();
  });

  it('can be limited to a user or a channel', async () => {
    const sut = await startGateway({}, ON);
    const [ann, bob] = [await connectAs(sut, { sub: 'ann' }), await connectAs(sut, { sub: 'bob' })];
    for (const client of [ann, bob]) await client.subscribe('chat:a');
    await bob.subscribe('chat:b');
    const users = async (query: string) =>
      (await connectionsOf(sut, query)).connections.map(({ user = '' }) => user).toSorted();
    expect(await users('?user=ann')).toEqual(['ann']);
    expect(await users('?channel=chat:a')).toEqual(['ann', 'bob']);
    expect(await users('?channel=chat:b')).toEqual(['bob']);
    expect(await users('?channel=chat:b&user=ann')).toEqual([]);
  });

  it('comes in pages that neither repeat nor omit a connection that stays', async () => {
    const sut = await startGateway({}, ON);
    for (let n = 0; n < 5; n += 1) await sut.connect();
    const ids: string[] = [];
    let after: string | undefined;
    do {
      const page = await connectionsOf(sut, `?limit=2${after === undefined ? '' : `&after=${after}`}`);
      ids.push(...page.connections.map(({ id }) => id));
      after = page.next;
    } while (after !== undefined);
    const all = sut.app.get(Connections).all();
    expect(ids.toSorted()).toEqual(all.map(({ id }) => id).toSorted());
  });
});

describe('GET /admin/channels', () => {
  it('lists each channel with its subscribers, rate, position and history', async () => {
    const sut = await startGateway({ namespaces: { chat: { history: { size: 2 } } } }, ON);
    const [ann, bob] = [await sut.connect(), await sut.connect()];
    for (const client of [ann, bob]) await client.subscribe('chat:a');
    await ann.subscribe('chat:b');
    for (const text of ['one', 'two', 'three']) await ann.publish('chat:a', text);
    const { channels, next } = await channelsOf(sut);
    expect(channels).toEqual([
      { channel: 'chat:a', subscribers: 2, rate: expect.any(Number), epoch: expect.any(String), offset: 3, history: 2 },
      { channel: 'chat:b', subscribers: 1, rate: 0, epoch: expect.any(String), offset: 0, history: 0 },
    ]);
    expect(channels[0]?.rate).toBeGreaterThan(0);
    expect(next).toBeUndefined();
  });

  it('can be limited to a prefix, and comes in pages', async () => {
    const sut = await startGateway({}, ON);
    const client = await sut.connect();
    for (const channel of ['chat:a', 'chat:b', 'chat:c', 'news:a']) await client.subscribe(channel);
    const first = await channelsOf(sut, '?prefix=chat:&limit=2');
    expect([first.channels.map(({ channel }) => channel), first.next]).toEqual([['chat:a', 'chat:b'], 'chat:b']);
    const second = await channelsOf(sut, `?prefix=chat:&limit=2&after=${first.next}`);
    expect([second.channels.map(({ channel }) => channel), second.next]).toEqual([['chat:c'], undefined]);
  });

  it('is complete without the histories while the broker is away', async () => {
    const sut = await startGateway({}, ON);
    await (await sut.connect()).subscribe('chat:a');
    vi.spyOn(sut.app.get<Broker>(BROKER), 'history').mockRejectedValue(new Error('away'));
    const [channel] = (await channelsOf(sut)).channels;
    expect(channel).toMatchObject({ channel: 'chat:a', subscribers: 1 });
    expect(channel).not.toHaveProperty('history');
  });
});

it.each([
  ['memory:', 'memory'],
  ['rediss+cluster://h', 'redis'],
  ['amqps://h', 'rabbitmq'],
  ['postgres://h/d', 'postgresql'],
])('%s is a broker of the kind %s', (url, kind) => {
  expect(brokerKind(url)).toBe(kind);
});
