import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { BROKER, BrokerUnavailableError, BrokerUnknownError, type Broker } from '@holdfast/broadcast';
import { ERRORS, type ErrorCode, type Json } from '@holdfast/protocol';
import { SignJWT } from 'jose';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { HttpRoutes } from '../src/http/http-routes.js';
import { operations } from '../src/api/operations.js';
import { API_KEY, JWT_SECRET, startGateway, type TestGateway } from './support/gateway.js';

const OTHER_KEY = 'another-api-key-of-the-tests';

interface Call {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as is. */
  readonly body?: NonNullable<RequestInit['body']>;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly type: string | null;
  readonly caching: string | null;
  readonly text: string;
  // Tests inspect whatever was received.
  readonly body: Record<string, unknown>;
}

async function call(sut: TestGateway, path: string, { json, body, method, headers }: Call = {}): Promise<Answer> {
  const payload = json === undefined ? body : JSON.stringify(json);
  const response = await fetch(sut.url + path, {
    method: method ?? (payload === undefined ? 'GET' : 'POST'),
    headers: {
      'X-API-Key': API_KEY,
      ...(payload === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(payload === undefined ? {} : { body: payload }),
  });
  const text = await response.text();
  const answer = text === '' ? {} : (JSON.parse(text) as Answer['body']);
  const { status, headers: answered } = response;
  const [type, caching] = [answered.get('Content-Type'), answered.get('Cache-Control')];
  return { status, headers: answered, type, caching, text, body: answer };
}

function post(sut: TestGateway, path: string, json: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return call(sut, path, { json, headers });
}

/** The response that the catalogue defines for `code`. */
function refusal(code: ErrorCode) {
  const { message, retryable, status } = ERRORS[code];
  return {
    status,
    type: 'application/json; charset=utf-8',
    caching: 'no-store',
    body: { code, message: expect.stringContaining(message) as string, retryable },
  };
}

/** Whether a response matches the OpenAPI document for this operation. */
function documentedAs(id: string) {
  const schema = operations.find((operation) => operation.id === id)?.answer?.schema;
  return ({ status, body }: Answer): boolean => status === 200 && schema?.safeParse(body).success === true;
}

function tokenOf(user: string): Promise<string> {
  return new SignJWT({ channels: ['*'], publish: ['*'] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .sign(new TextEncoder().encode(JWT_SECRET));
}

async function connectAs(sut: TestGateway, user: string) {
  return sut.connect(`?access_token=${await tokenOf(user)}`);
}

/** The status of the response that refuses a user's upgrade. */
async function refusedUpgrade(sut: TestGateway, user: string): Promise<number | undefined> {
  const webSocket = new WebSocket(`${sut.webSocketUrl}?access_token=${await tokenOf(user)}`);
  const [request, response] = (await once(webSocket, 'unexpected-response')) as [ClientRequest, IncomingMessage];
  request.destroy();
  return response.statusCode;
}

function brokerOf(sut: TestGateway): Broker {
  return sut.app.get<Broker>(BROKER);
}

function channelNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `c${index}`);
}

async function history(sut: TestGateway, channel: string): Promise<Json[]> {
  const { body } = await call(sut, `/api/channels/${encodeURIComponent(channel)}/history`);
  return (body['publications'] as { data: Json }[]).map(({ data }) => data);
}

describe('POST /api/publish', () => {
  it('returns the position, and reaches every subscriber', async () => {
    const sut = await startGateway();
    const subscriber = await sut.connect();
    const { epoch } = await subscriber.subscribe('chat:lobby');

    const answer = await post(sut, '/api/publish', { channel: 'chat:lobby', data: { text: 'hi' } });

    expect(answer).toSatisfy(documentedAs('publish'));
    expect(answer.body).toEqual({ epoch, offset: 1 });
    const [message] = await subscriber.messages('chat:lobby', 1);
    expect(message?.data).toEqual({
      channel: 'chat:lobby',
      offset: 1,
      data: { text: 'hi' },
      time: expect.any(Number) as number,
    });
  });

  it.each([[null], [false], [0], [''], [[]], [{}], [[1, { a: [null] }]]])(
    'accepts any JSON as data: %j',
    async (data) => {
      const sut = await startGateway();
      await post(sut, '/api/publish', { channel: 'a', data });
      expect(await history(sut, 'a')).toEqual([data]);
    },
  );

  it('publishes once for each key (promise 4)', async () => {
    const sut = await startGateway();
    const publication = { channel: 'a', data: { n: 1 }, key: 'k' };
    const first = await post(sut, '/api/publish', publication);
    const second = await post(sut, '/api/publish', publication, {
      'X-API-Key': '',
      Authorization: `Bearer ${API_KEY}`,
    });
    expect(second.body).toEqual(first.body);
    expect(await history(sut, 'a')).toEqual([{ n: 1 }]);

    expect(await post(sut, '/api/publish', { ...publication, data: { n: 2 } })).toMatchObject(refusal('key_conflict'));
    expect((await post(sut, '/api/publish', { ...publication, channel: 'b' })).status).toBe(200);
  });

  it('does not share keys between API keys', async () => {
    const sut = await startGateway({}, { HOLDFAST_API_KEYS: `${API_KEY},${OTHER_KEY}` });
    await post(sut, '/api/publish', { channel: 'a', data: 1, key: 'k' });
    const other = await post(sut, '/api/publish', { channel: 'a', data: 2, key: 'k' }, { 'X-API-Key': OTHER_KEY });
    expect(other.body).toMatchObject({ offset: 2 });
  });

  it('refuses data that is too large for clients', async () => {
    const sut = await startGateway();
    expect(await post(sut, '/api/publish', { channel: 'a', data: 'x'.repeat(70_000) })).toMatchObject(
      refusal('too_large'),
    );
    expect((await post(sut, '/api/publish', { channel: 'a', data: 1 })).body).toMatchObject({ offset: 1 });
  });
});

describe('POST /api/broadcast', () => {
  it('publishes to each channel independently: an invalid one does not affect the others', async () => {
    const sut = await startGateway();
    const answer = await post(sut, '/api/broadcast', { channels: ['a', 'no spaces', 'b'], data: 1 });
    expect(answer).toSatisfy(documentedAs('broadcast'));
    expect(answer.body['results']).toMatchObject([
      { channel: 'a', offset: 1 },
      { channel: 'no spaces', error: { code: 'invalid_channel' } },
      { channel: 'b', offset: 1 },
    ]);
  });

  it('publishes once to each channel for each key (promise 4)', async () => {
    const sut = await startGateway();
    await post(sut, '/api/publish', { channel: 'b', data: 'other', key: 'k' });
    const broadcast = { channels: ['a', 'b', 'c'], data: 1, key: 'k' };
    const first = await post(sut, '/api/broadcast', broadcast);
    expect(first.body['results']).toMatchObject([{ offset: 1 }, { error: { code: 'key_conflict' } }, { offset: 1 }]);
    expect((await post(sut, '/api/broadcast', broadcast)).body).toEqual(first.body);
    expect(await history(sut, 'a')).toEqual([1]);
  });

  it('accepts 1 to 1,000 channels', async () => {
    const sut = await startGateway();
    const answer = await post(sut, '/api/broadcast', { channels: channelNames(1000), data: 1 });
    expect(answer).toSatisfy(documentedAs('broadcast'));
    expect(answer.body['results']).toHaveLength(1000);
    expect(await post(sut, '/api/broadcast', { channels: channelNames(1001), data: 1 })).toMatchObject(
      refusal('invalid'),
    );
    expect(await post(sut, '/api/broadcast', { channels: [], data: 1 })).toMatchObject(refusal('invalid'));
    expect(await post(sut, '/api/broadcast', { channels: ['a', 1], data: 1 })).toMatchObject(refusal('invalid'));
  });
});

describe('POST /api/batch', () => {
  it('returns a result for each publication, in order: an invalid one gets its own error, and the others are published', async () => {
    const sut = await startGateway();
    const publications = [
      { channel: 'a', data: 1 },
      'not an object',
      { channel: 'no spaces', data: 1 },
      { channel: 'b' },
      { channel: 'b', data: 1, kye: 'typo' },
      { channel: 'b', data: 'x'.repeat(70_000) },
      { channel: 7, data: 1 },
      { channel: 'b', data: 2 },
      { channel: 'a', data: 3 },
    ];
    const answer = await post(sut, '/api/batch', { publications });
    expect(answer).toSatisfy(documentedAs('batch'));
    expect(answer.body['results']).toMatchObject([
      { channel: 'a', offset: 1 },
      { error: { code: 'invalid' } },
      { channel: 'no spaces', error: { code: 'invalid_channel' } },
      { channel: 'b', error: { code: 'invalid' } },
      { channel: 'b', error: { code: 'invalid' } },
      { channel: 'b', error: { code: 'too_large' } },
      { error: { code: 'invalid' } },
      { channel: 'b', offset: 1 },
      { channel: 'a', offset: 2 },
    ]);
  });

  it('publishes each once for its key (promise 4)', async () => {
    const sut = await startGateway();
    const publications = [
      { channel: 'a', data: 1, key: 'k1' },
      { channel: 'a', data: 2, key: 'k2' },
      { channel: 'a', data: 3, key: 'k1' },
    ];
    const first = await post(sut, '/api/batch', { publications });
    expect(first.body['results']).toMatchObject([{ offset: 1 }, { offset: 2 }, { error: { code: 'key_conflict' } }]);
    expect((await post(sut, '/api/batch', { publications })).body).toEqual(first.body);
  });

  it('stores publications of one channel in their order, however long the broker takes for each', async () => {
    const sut = await startGateway();
    const broker = brokerOf(sut);
    const store = broker.publish.bind(broker);
    let turns = 4;
    vi.spyOn(broker, 'publish').mockImplementation(async (request) => {
      for (let turn = (turns -= 1); turn > 0; turn -= 1) await new Promise(setImmediate);
      return store(request);
    });
    await post(sut, '/api/batch', { publications: [1, 2, 3, 4].map((data) => ({ channel: 'a', data })) });
    expect(await history(sut, 'a')).toEqual([1, 2, 3, 4]);
  });

  it('publishes nothing on a channel after a publication that has to be retried', async () => {
    const sut = await startGateway();
    const publish = vi.spyOn(brokerOf(sut), 'publish').mockRejectedValueOnce(new BrokerUnavailableError());
    const publications = [
      { channel: 'a', data: 1 },
      { channel: 'b', data: 1 },
      { channel: 'a' },
      { channel: 'a', data: 2 },
    ];
    const { body } = await post(sut, '/api/batch', { publications });
    const unavailable = { channel: 'a', error: { code: 'unavailable', retryable: true } };
    expect(body['results']).toMatchObject([unavailable, { channel: 'b', offset: 1 }, unavailable, unavailable]);
    expect(publish).toHaveBeenCalledTimes(2);
  });

  it('does not reveal unexpected errors', async () => {
    const sut = await startGateway();
    vi.spyOn(brokerOf(sut), 'publish').mockRejectedValueOnce(new Error('redis://:hunter2@db'));
    const { status, text } = await post(sut, '/api/batch', { publications: [{ channel: 'a', data: 1 }] });
    expect(status).toBe(200);
    expect(text).toContain('"internal"');
    expect(text).not.toContain('hunter2');
  });
});

describe('GET /api/channels', () => {
  it('lists channels with subscribers, in pages', async () => {
    const sut = await startGateway();
    const client = await sut.connect();
    for (const channel of ['chat:c', 'chat:a', 'news', 'chat:b']) await client.subscribe(channel);
    const list = async (query: string) => {
      const answer = await call(sut, `/api/channels${query}`);
      expect(answer).toSatisfy(documentedAs('listChannels'));
      return answer.body;
    };
    expect(await list('')).toEqual({ channels: ['chat:a', 'chat:b', 'chat:c', 'news'] });
    expect(await list('?prefix=chat:')).toEqual({ channels: ['chat:a', 'chat:b', 'chat:c'] });
    expect(await list('?prefix=chat%3A&limit=2')).toEqual({ channels: ['chat:a', 'chat:b'], next: 'chat:b' });
    expect(await list('?prefix=chat:&limit=2&after=chat:b')).toEqual({ channels: ['chat:c'] });
    expect(await list('?prefix=chat:&limit=3')).toEqual({ channels: ['chat:a', 'chat:b', 'chat:c'] });
    expect(await list('?prefix=none')).toEqual({ channels: [] });
  });

  it.each([
    '?limit=0',
    '?limit=-1',
    '?limit=1001',
    '?limit=1e9',
    '?limit=',
    '?limit=2&limit=3',
    '?prefx=a',
    '?limit=0x1',
  ])('refuses %s', async (query) => {
    const sut = await startGateway();
    expect(await call(sut, `/api/channels${query}`)).toMatchObject(refusal('invalid'));
  });
});

describe('GET /api/channels/:channel/presence', () => {
  it('lists the members of a channel', async () => {
    const sut = await startGateway();
    const alice = await connectAs(sut, 'alice');
    await alice.subscribe('chat:lobby');
    await (await sut.connect()).subscribe('chat:lobby');
    const answer = await call(sut, '/api/channels/chat:lobby/presence');
    expect(answer).toSatisfy(documentedAs('getPresence'));
    expect(answer.body).toMatchObject({ members: [{ client: alice.welcome.client, user: 'alice' }, {}], count: 2 });
  });

  it('reports that presence is disabled', async () => {
    const sut = await startGateway({ namespaces: { quiet: { presence: false } } });
    expect(await call(sut, '/api/channels/quiet:x/presence')).toMatchObject(refusal('presence_disabled'));
  });
});

describe('GET /api/channels/:channel/history', () => {
  it('returns pages forwards and backwards, from a position', async () => {
    const sut = await startGateway();
    await post(sut, '/api/batch', {
      publications: [1, 2, 3, 4, 5].map((data) => ({ channel: 'a', data, key: `k${data}` })),
    });
    const read = async (query: string) => {
      const answer = await call(sut, `/api/channels/a/history${query}`);
      expect(answer).toSatisfy(documentedAs('getHistory'));
      return {
        ...answer.body,
        publications: (answer.body['publications'] as { data: Json }[]).map(({ data }) => data),
      };
    };
    const all = await read('');
    expect(all).toEqual({ epoch: expect.any(String) as string, offset: 5, publications: [1, 2, 3, 4, 5] });
    const { epoch } = all as unknown as { epoch: string };
    expect(await read('?limit=2')).toMatchObject({ offset: 5, publications: [1, 2] });
    expect(await read('?limit=2&reverse=true')).toMatchObject({ publications: [5, 4] });
    expect(await read(`?epoch=${epoch}&offset=3`)).toMatchObject({ publications: [4, 5] });
    expect(await read(`?epoch=${epoch}&offset=3&reverse=true`)).toMatchObject({ publications: [2, 1] });
    expect(await read(`?epoch=${epoch}&offset=3&reverse=false`)).toMatchObject({ publications: [4, 5] });
  });

  it.each([
    '?limit=-1',
    '?limit=1000000000',
    '?limit=1.5',
    '?epoch=x',
    '?offset=1',
    '?epoch=x&offset=-1',
    '?epoch=x&offset=99999999999999999999',
    '?epoch=&offset=1',
    '?reverse=yes',
    '?since=1',
    '?__proto__=1',
  ])('refuses %s', async (query) => {
    const sut = await startGateway();
    expect(await call(sut, `/api/channels/a/history${query}`)).toMatchObject(refusal('invalid'));
  });

  it('reports that the history is disabled', async () => {
    const sut = await startGateway({ namespaces: { live: { history: { size: 0 } } } });
    expect(await call(sut, '/api/channels/live:x/history')).toMatchObject(refusal('history_disabled'));
  });
});

describe('a name in the path', () => {
  it.each(['chat:a/b', '100%', '%2F', 'a%20b', '#1', '%'.repeat(255), '@alice', 'a/../b'])(
    'is decoded exactly once: %s',
    async (channel) => {
      const sut = await startGateway();
      await post(sut, '/api/publish', { channel, data: channel });
      expect(await history(sut, channel)).toEqual([channel]);
    },
  );

  it.each(['é', 'a b', 'a'.repeat(256), 'a'.repeat(700), '@', 'a@b', 'a\0b'])(
    'is refused if it is invalid: %j',
    async (channel) => {
      const sut = await startGateway();
      const path = `/api/channels/${encodeURIComponent(channel)}`;
      expect(await call(sut, `${path}/presence`)).toMatchObject(refusal('invalid_channel'));
      expect(await call(sut, `${path}/history`)).toMatchObject(refusal('invalid_channel'));
    },
  );

  it('is refused if its encoding is invalid, and not quoted in the error', async () => {
    const sut = await startGateway();
    const answer = await call(sut, '/api/channels/a%zz/presence');
    expect(answer).toMatchObject(refusal('invalid'));
    expect(answer.text).not.toContain('zz');
  });
});

describe('POST /api/users/:user/publish', () => {
  it("reaches the user's own channel, whatever characters the id contains", async () => {
    const sut = await startGateway();
    const user = 'Zoë/50% #1 (work)';
    const client = await connectAs(sut, user);
    const { channel } = await client.subscribe('@me');
    const answer = await post(sut, `/api/users/${encodeURIComponent(user)}/publish`, { data: 1, key: 'k' });
    expect(answer).toSatisfy(documentedAs('publishToUser'));
    expect((await client.messages(channel, 1))[0]?.data).toMatchObject({ channel, data: 1, key: 'k' });
    const again = await post(sut, `/api/users/${encodeURIComponent(user)}/publish`, { data: 1, key: 'k' });
    expect(again.body).toEqual(answer.body);
  });

  it('does not accept a channel', async () => {
    const sut = await startGateway();
    expect(await post(sut, '/api/users/alice/publish', { channel: '@bob', data: 1 })).toMatchObject(refusal('invalid'));
  });
});

describe('an impossible user id', () => {
  it.each(['a'.repeat(201), '日'.repeat(100)])('is refused: %s', async (user) => {
    const sut = await startGateway();
    const path = `/api/users/${encodeURIComponent(user)}`;
    expect(await post(sut, `${path}/publish`, { data: 1 })).toMatchObject(refusal('invalid'));
    expect(await post(sut, `${path}/disconnect`, {})).toMatchObject(refusal('invalid'));
    expect(await post(sut, `${path}/unsubscribe`, { channel: 'a' })).toMatchObject(refusal('invalid'));
    expect(await call(sut, `${path}/connections`)).toMatchObject(refusal('invalid'));
  });
});

describe('POST /api/users/:user/disconnect', () => {
  it('closes the connections of the user, and of no one else', async () => {
    const sut = await startGateway();
    const [first, second, bob] = [
      await connectAs(sut, 'alice'),
      await connectAs(sut, 'alice'),
      await connectAs(sut, 'bob'),
    ];
    expect(await call(sut, '/api/users/alice/disconnect', { method: 'POST' })).toSatisfy(
      documentedAs('disconnectUser'),
    );
    expect((await first.closed).code).toBe(4009);
    expect((await second.closed).code).toBe(4009);
    expect(await bob.request('ping')).toEqual({});
    await connectAs(sut, 'alice');
  });

  it('can be undone: the user may connect again', async () => {
    const sut = await startGateway();
    await post(sut, '/api/users/alice/disconnect', { until: Date.now() + 60_000 });
    expect(await refusedUpgrade(sut, 'alice')).toBe(403);
    expect(await call(sut, '/api/users/alice/unblock', { method: 'POST' })).toSatisfy(documentedAs('unblockUser'));
    await connectAs(sut, 'alice');
  });

  it('refuses the user until the given time', async () => {
    const sut = await startGateway();
    expect(await post(sut, '/api/users/alice/disconnect', { until: Date.now() + 60_000 })).toSatisfy(
      documentedAs('disconnectUser'),
    );
    expect(await refusedUpgrade(sut, 'alice')).toBe(403);
    await connectAs(sut, 'bob');
  });

  it.each([
    ['the past', { until: Date.now() - 1 }],
    ['seconds in place of ms', { until: Math.round(Date.now() / 1000) + 60 }],
    ['more than 30 days ahead', { until: Date.now() + 31 * 86_400_000 }],
    ['a fraction', { until: Date.now() + 1000.5 }],
    ['text', { until: '2030-01-01' }],
    ['an unknown member', { untill: 1 }],
  ])('refuses %s', async (_what, json) => {
    const sut = await startGateway();
    expect(await post(sut, '/api/users/alice/disconnect', json)).toMatchObject(refusal('invalid'));
  });
});

describe('POST /api/users/:user/unsubscribe', () => {
  it("ends the user's subscriptions to the channel, and no others", async () => {
    const sut = await startGateway();
    const [alice, bob] = [await connectAs(sut, 'alice'), await connectAs(sut, 'bob')];
    for (const client of [alice, bob]) await client.subscribe('chat:a');
    await alice.subscribe('chat:b');
    expect(await post(sut, '/api/users/alice/unsubscribe', { channel: 'chat:a' })).toSatisfy(
      documentedAs('unsubscribeUser'),
    );
    expect((await alice.next('unsubscribed')).data).toEqual({ channel: 'chat:a', code: 'kicked' });
    await post(sut, '/api/broadcast', { channels: ['chat:a', 'chat:b'], data: 1 });
    await bob.messages('chat:a', 1);
    await alice.messages('chat:b', 1);
    expect(alice.offsets('chat:a')).toEqual([]);
  });

  it('requires a channel', async () => {
    const sut = await startGateway();
    expect(await post(sut, '/api/users/alice/unsubscribe', {})).toMatchObject(refusal('invalid'));
    expect(await post(sut, '/api/users/alice/unsubscribe', { channel: '' })).toMatchObject(refusal('invalid_channel'));
  });
});

describe('GET /api/users/:user/connections', () => {
  it("lists the user's connections", async () => {
    const sut = await startGateway();
    const before = Date.now();
    const alice = await connectAs(sut, 'alice');
    await connectAs(sut, 'bob');
    const answer = await call(sut, '/api/users/alice/connections');
    expect(answer).toSatisfy(documentedAs('listConnections'));
    expect(answer.body).toEqual({
      connections: [{ client: alice.welcome.client, node: 'test-node', since: expect.any(Number) as number }],
    });
    const [{ since } = { since: 0 }] = answer.body['connections'] as { since: number }[];
    expect(since).toBeGreaterThanOrEqual(before);
    expect((await call(sut, '/api/users/nobody/connections')).body).toEqual({ connections: [] });
  });
});

describe('a body', () => {
  const invalid = new Uint8Array([...new TextEncoder().encode('{"channel":"a","data":"'), 0xc3, 0x28, 0x22, 0x7d]);
  const truncated = '{"channel":"a","data":';

  it.each<[what: string, body: NonNullable<RequestInit['body']>, code: ErrorCode]>([
    ['that is not JSON', 'hello', 'malformed'],
    ['of white space', ' \n', 'malformed'],
    ['that ends early', truncated, 'malformed'],
    ['of two values', '{}{}', 'malformed'],
    ['that is not UTF-8', invalid, 'malformed'],
    ['that is UTF-16', Buffer.from('{"channel":"a","data":1}', 'utf16le'), 'malformed'],
    ['that is empty', '', 'invalid'],
    ['that is null', 'null', 'invalid'],
    ['that is an array', '[]', 'invalid'],
    ['that is a number', '1e999', 'invalid'],
    ['that is text', '"channel"', 'invalid'],
    ['without members', '{}', 'invalid'],
    ['without data', '{"channel":"a"}', 'invalid'],
    ['without a channel', '{"data":1}', 'invalid'],
    ['with an unknown member', '{"channel":"a","data":1,"ttl":5}', 'invalid'],
    ['with a channel that is a number', '{"channel":1,"data":1}', 'invalid'],
    ['with a channel that is null', '{"channel":null,"data":1}', 'invalid'],
    ['with a bad channel', '{"channel":"a b","data":1}', 'invalid_channel'],
    ['with an empty channel', '{"channel":"","data":1}', 'invalid_channel'],
    ['with a key that is a number', '{"channel":"a","data":1,"key":1}', 'invalid'],
    ['with an empty key', '{"channel":"a","data":1,"key":""}', 'invalid'],
    ['with a long key', `{"channel":"a","data":1,"key":"${'k'.repeat(65)}"}`, 'invalid'],
    ['with __proto__ as a member', '{"channel":"a","data":1,"__proto__":{"key":"k"}}', 'invalid'],
    ['with its members in __proto__', '{"__proto__":{"channel":"a","data":1}}', 'invalid'],
    ['of 2 MB', JSON.stringify({ channel: 'a', data: 'x'.repeat(2_000_000) }), 'too_large'],
    ['nested 400,000 times', `{"channel":"a","data":${'['.repeat(400_000)}${']'.repeat(400_000)}}`, 'invalid'],
  ])('%s is refused', async (_what, body, code) => {
    const sut = await startGateway();
    expect(await call(sut, '/api/publish', { body })).toMatchObject(refusal(code));
    expect((await post(sut, '/api/publish', { channel: 'a', data: 1 })).body).toMatchObject({ offset: 1 });
  });

  it('without a length is refused above the same size, and its connection stays usable', async () => {
    const sut = await startGateway();
    const socket = connect(sut.port, '127.0.0.1');
    let received = '';
    socket.on('data', (data) => (received += String(data)));
    socket.write(
      `POST /api/publish HTTP/1.1\r\nHost: a\r\nX-API-Key: ${API_KEY}\r\nContent-Type: application/json\r\n` +
        `Transfer-Encoding: chunked\r\n\r\n${`10000\r\n${' '.repeat(0x10000)}\r\n`.repeat(64)}0\r\n\r\n` +
        'GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    await once(socket, 'close');
    expect(received).toMatch(/^HTTP\/1\.1 413 [^]*"too_large"[^]*HTTP\/1\.1 200 /);
  });

  it('may contain __proto__ in data, which is delivered unchanged and has no effect', async () => {
    const sut = await startGateway();
    const data = '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}';
    expect((await call(sut, '/api/publish', { body: `{"channel":"a","data":${data}}` })).status).toBe(200);
    expect((await call(sut, '/api/channels/a/history')).text).toContain(`"data":${data}`);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('may be nested a hundred levels deep', async () => {
    const sut = await startGateway();
    const data = '['.repeat(100) + ']'.repeat(100);
    expect((await call(sut, '/api/publish', { body: `{"channel":"a","data":${data}}` })).status).toBe(200);
    expect((await call(sut, '/api/channels/a/history')).text).toContain(data);
  });

  it('may start with a byte order mark', async () => {
    const sut = await startGateway();
    expect((await call(sut, '/api/publish', { body: '\uFEFF{"channel":"a","data":1}' })).status).toBe(200);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'nonsense',
  ])('with the media type %s is refused', async (type) => {
    const sut = await startGateway();
    const headers = { 'Content-Type': type };
    expect(await call(sut, '/api/publish', { body: 'channel=a&data=1', headers })).toMatchObject(
      refusal('unsupported_media_type'),
    );
    expect(await call(sut, '/api/publish', { body: '{}', headers })).toMatchObject(refusal('unsupported_media_type'));
  });

  it('may specify its charset', async () => {
    const sut = await startGateway();
    const headers = { 'Content-Type': 'application/json; charset=utf-8' };
    expect((await post(sut, '/api/publish', { channel: 'a', data: 1 }, headers)).status).toBe(200);
  });

  it('that is missing is treated like an empty one', async () => {
    const sut = await startGateway();
    expect(await call(sut, '/api/publish', { method: 'POST' })).toMatchObject(refusal('invalid'));
  });

  it('is described in errors by path and expectation, but never quoted', async () => {
    const sut = await startGateway();
    const secret = 'hunter2';
    for (const json of [
      { channel: `${secret} !`, data: 1 },
      { channel: 'a', data: 1, key: [secret] },
      { channel: 'a', data: 1, key: secret.repeat(20) },
    ]) {
      const { text } = await post(sut, '/api/publish', json);
      expect(text).toMatch(/channel|key/);
      expect(text).not.toContain(secret);
    }
    const { text } = await call(sut, '/api/publish', { body: `{"key":"${secret}", oops` });
    expect(text).not.toContain(secret);
  });
});

describe('without a valid API key', () => {
  const guarded = operations.filter((operation) => operation.public === undefined);

  it.each(guarded)('$id is refused', async ({ method, path, body }) => {
    const sut = await startGateway();
    const broker = brokerOf(sut);
    const spies = (['publish', 'signal', 'history', 'members', 'channels', 'connections'] as const).map((name) =>
      vi.spyOn(broker, name),
    );
    const url = path.replace(/\{\w+\}/g, 'a');
    const attempts: Record<string, string>[] = [
      { 'X-API-Key': '' },
      { 'X-API-Key': 'wrong-key-wrong-key' },
      { 'X-API-Key': `${API_KEY}x` },
      { 'X-API-Key': API_KEY.slice(1) },
      { 'X-API-Key': '', Authorization: 'Bearer wrong-key-wrong-key' },
      { 'X-API-Key': '', Authorization: `Basic ${API_KEY}` },
      { 'X-API-Key': '', Authorization: API_KEY },
    ];
    for (const headers of attempts) {
      const answer = await call(sut, url, {
        method: method.toUpperCase(),
        headers,
        ...(body ? { json: body.example } : {}),
      });
      expect(answer).toMatchObject(refusal('unauthorized'));
      expect(answer.headers.get('WWW-Authenticate')).toBe('Bearer');
      for (const value of Object.values(headers)) if (value !== '') expect(answer.text).not.toContain(value);
    }
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });

  it('the body is not read', async () => {
    const sut = await startGateway();
    const headers = { 'X-API-Key': 'wrong-key-wrong-key' };
    expect(await call(sut, '/api/publish', { body: 'not JSON', headers })).toMatchObject(refusal('unauthorized'));
    expect(await call(sut, '/api/publish', { body: 'x'.repeat(2_000_000), headers })).toMatchObject(
      refusal('unauthorized'),
    );
  });

  it('everything is refused if no key is configured', async () => {
    const sut = await startGateway({}, { NODE_ENV: 'production', HOLDFAST_API_KEYS: '' });
    expect(await call(sut, '/api/channels', { headers: { 'X-API-Key': '' } })).toMatchObject(refusal('unauthorized'));
    expect(await call(sut, '/api/channels', { headers: { 'X-API-Key': 'undefined' } })).toMatchObject(
      refusal('unauthorized'),
    );
  });

  it('a rotated key takes effect at once', async () => {
    const sut = await startGateway();
    sut.config.apiKeys.replace([OTHER_KEY]);
    expect(await call(sut, '/api/channels')).toMatchObject(refusal('unauthorized'));
    expect((await call(sut, '/api/channels', { headers: { 'X-API-Key': OTHER_KEY } })).status).toBe(200);
  });
});

describe('an unknown route', () => {
  it.each([
    '/api',
    '/api/',
    '/api/publish/',
    '/api/nix',
    '/nix?key=hunter2',
    '/api/channels/a',
    '/api/channels//history',
    '//',
  ])('%s is 404', async (path) => {
    const sut = await startGateway();
    const answer = await call(sut, path);
    expect(answer).toMatchObject(refusal('not_found'));
    expect(answer.text).not.toContain('hunter2');
    expect(await post(sut, path, {})).toMatchObject(refusal('not_found'));
  });

  it.each([
    ['GET', '/api/publish', 'POST'],
    ['PUT', '/api/publish', 'POST'],
    ['OPTIONS', '/api/publish', 'POST'],
    ['DELETE', '/api/channels?limit=1', 'GET, HEAD'],
    ['POST', '/api/channels/a%2Fb/history', 'GET, HEAD'],
    ['POST', '/api/openapi.json', 'GET, HEAD'],
    ['POST', '/health', 'GET, HEAD'],
  ])('%s %s is 405, and the response lists the supported methods', async (method, path, allow) => {
    const sut = await startGateway();
    const answer = await call(sut, path, { method });
    expect(answer).toMatchObject(refusal('method_not_allowed'));
    expect(answer.headers.get('Allow')?.split(', ').toSorted().join(', ')).toBe(allow);
  });

  it('HEAD responds like GET, without a body', async () => {
    const sut = await startGateway();
    const answer = await call(sut, '/api/channels', { method: 'HEAD' });
    expect(answer).toMatchObject({ status: 200, text: '' });
    expect((await call(sut, '/api/nix', { method: 'HEAD' })).status).toBe(404);
    expect((await call(sut, '/api/channels', { method: 'HEAD', headers: { 'X-API-Key': '' } })).status).toBe(401);
  });
});

describe('an error', () => {
  it.each<[error: Error, code: ErrorCode, retryAfter: boolean]>([
    [new BrokerUnavailableError('redis://:hunter2@db'), 'unavailable', true],
    [new BrokerUnknownError('redis://:hunter2@db'), 'unknown', false],
    [new Error('redis://:hunter2@db'), 'internal', false],
  ])('%o of the broker is reported by its code, without any detail', async (error, code, retryAfter) => {
    const sut = await startGateway();
    const broker = brokerOf(sut);
    vi.spyOn(broker, 'publish').mockRejectedValue(error);
    vi.spyOn(broker, 'channels').mockRejectedValue(error);
    vi.spyOn(broker, 'signal').mockRejectedValue(error);
    vi.spyOn(broker, 'connections').mockRejectedValue(error);
    for (const answer of [
      await post(sut, '/api/publish', { channel: 'a', data: 1 }),
      await call(sut, '/api/channels'),
      await post(sut, '/api/users/a/unsubscribe', { channel: 'a' }),
      await call(sut, '/api/users/a/connections'),
    ]) {
      expect(answer).toMatchObject(refusal(code));
      expect(answer.text).not.toContain('hunter2');
      expect(answer.headers.has('Retry-After')).toBe(retryAfter);
    }
  });

  it('is counted by its code', async () => {
    const sut = await startGateway();
    await call(sut, '/api/nix');
    await call(sut, '/api/nix');
    const metrics = await (await fetch(`${sut.managementUrl}/metrics`)).text();
    expect(metrics).toContain('holdfast_refused_requests_total{event="http",code="not_found"} 2');
  });
});

describe('GET /api/openapi.json', () => {
  interface Documented {
    readonly parameters?: { name: string; in: string; required: boolean; schema: object }[];
    readonly requestBody?: { content: Record<string, { schema: object; example: unknown }> };
    readonly responses: Record<string, { description: string; content: Record<string, { schema: object }> }>;
    readonly security?: unknown[];
  }

  async function documentOf(sut: TestGateway) {
    const { status, body } = await call(sut, '/api/openapi.json', { headers: { 'X-API-Key': '' } });
    expect(status).toBe(200);
    return body as unknown as {
      openapi: string;
      paths: Record<string, Record<string, Documented>>;
      components: { schemas: Record<string, object>; securitySchemes: Record<string, object> };
    };
  }

  it('is public, and describes exactly the existing routes', async () => {
    const sut = await startGateway();
    const { openapi, paths } = await documentOf(sut);
    expect(openapi).toMatch(/^3\.1\.\d$/);
    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    const registered = [...sut.app.get(HttpRoutes)]
      .filter(({ method, path }) => method !== 'HEAD' && path.startsWith('/api'))
      .map(({ method, path }) => `${method} ${path}`);
    expect(documented.toSorted()).toEqual(registered.toSorted());
  });

  it('describes the parameters, responses and errors of each operation', async () => {
    const { paths, components } = await documentOf(await startGateway());
    expect(Object.keys(components.securitySchemes)).toEqual(['bearer', 'apiKey']);
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { parameters = [], requestBody, responses, security }] of Object.entries(methods)) {
        const inPath = parameters.filter((parameter) => parameter.in === 'path');
        expect(inPath.map(({ name, required }) => `{${name}}${required}`)).toEqual(
          [...path.matchAll(/\{\w+\}/g)].map(([name]) => `${name}true`),
        );
        expect(requestBody !== undefined).toBe(method === 'post');
        expect(responses).toHaveProperty('200');
        expect('401' in responses).toBe(security === undefined);
        for (const [status, { description, content }] of Object.entries(responses)) {
          expect(description).not.toBe('');
          const { schema } = content['application/json'] ?? { schema: {} };
          if (status !== '200') expect(schema).toMatchObject({ $ref: '#/components/schemas/Error' });
        }
      }
    }
    expect(components.schemas['Error']).toMatchObject({ required: ['code', 'message', 'retryable'] });
  });

  it('uses the schemas that validate the requests', async () => {
    const { paths } = await documentOf(await startGateway());
    expect(paths['/api/publish']?.['post']?.requestBody?.content['application/json']?.schema).toEqual({
      type: 'object',
      properties: {
        channel: expect.objectContaining({
          type: 'string',
          maxLength: 255,
          pattern: expect.any(String) as string,
        }) as object,
        data: { description: 'Any JSON value.' },
        key: { type: 'string', minLength: 1, maxLength: 64 },
      },
      required: ['channel', 'data'],
      additionalProperties: false,
    });
  });

  it('describes the meaning of query parameters', async () => {
    const { paths } = await documentOf(await startGateway());
    const parameters = paths['/api/channels/{channel}/history']?.['get']?.parameters ?? [];
    expect(Object.fromEntries(parameters.map(({ name, schema }) => [name, schema]))).toMatchObject({
      channel: { type: 'string' },
      epoch: { type: 'string' },
      offset: { type: 'integer', minimum: 0 },
      limit: { type: 'integer', minimum: 1, maximum: 1000 },
      reverse: { type: 'boolean' },
    });
  });

  it.each(operations)('has valid examples of $id', ({ body, answer }) => {
    for (const { schema, example } of [body, answer].filter((described) => described !== undefined)) {
      expect(schema.safeParse(example)).toMatchObject({ success: true });
    }
  });

  it('lists every error code that its operations returned in these tests', async () => {
    const { paths } = await documentOf(await startGateway());
    const statuses = Object.keys(paths['/api/publish']?.['post']?.responses ?? {});
    expect(statuses).toEqual(['200', '400', '401', '409', '413', '415', '429', '500', '503', '504']);
  });
});
