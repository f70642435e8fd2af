import { once } from 'node:events';
import { Holdfast } from '@holdfast/client';
import { CLOSE, errorData, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { Sessions } from '../src/auth/session.js';
import { Backend, webhookSecret, type WebhookRequest } from './support/backend.js';
import { connectAs, refusal, refusals } from './support/connect-as.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { json, type HttpServer } from './support/http-server.js';
import { metric } from './support/metric.js';
import { NO_LIMITS } from './support/no-limits.js';
import { RawSocket, upgradeRequest } from './support/raw-socket.js';
import { TestClient } from './support/test-client.js';
import { secondsFromNow, signToken } from './support/tokens.js';
import { Stopwatch } from '../../../libs/broadcast/src/testing/stopwatch.js';

const CHANNEL = 'room:1';
const UNAVAILABLE = errorData('authorization_unavailable');
/** Only the backend verifies tokens. */
const OPAQUE = { HOLDFAST_JWT_SECRET: '', HOLDFAST_ANONYMOUS: 'false' };

type Authorization = Record<string, unknown>;

/** A gateway that permits only what this backend allows, for some actions. */
async function startWithWebhook(
  backend: Backend,
  {
    env = {},
    namespaces = {},
    ...authorization
  }: Authorization & { env?: NodeJS.ProcessEnv; namespaces?: object } = {},
): Promise<TestGateway> {
  return startGateway(
    {
      namespaceDefaults: { subscribe: 'granted', publish: 'granted' },
      // The limits of one user are tested elsewhere.
      limits: { userFrames: NO_LIMITS.userFrames },
      namespaces,
      webhooks: { authorization: { cache: 0, ...authorization } },
    },
    { ...backend.env, ...env },
  );
}

/** Permits subscribing and publishing as the backend decides. */
function startChannels(backend: Backend, options: Parameters<typeof startWithWebhook>[1] = {}): Promise<TestGateway> {
  return startWithWebhook(backend, { actions: ['subscribe', 'publish'], ...options });
}

async function closeCode({ webSocketUrl }: TestGateway, token: string): Promise<number> {
  const url = `${webSocketUrl}?access_token=${token}`;
  return (await new TestClient(new WebSocket(url, [SUBPROTOCOL])).closed).code;
}

function connect({ webSocketUrl }: TestGateway, token: string): Promise<TestClient> {
  return TestClient.connect(webSocketUrl, [SUBPROTOCOL, `bearer.${token}`]);
}

describe('an authorization request for connect', () => {
  it("is signed, and its response identifies the user of an opaque token and the user's permissions", async () => {
    const backend = await Backend.start(() => ({
      allow: true,
      user: 'ann',
      info: { name: 'Ann' },
      channels: ['room:*'],
      publish: ['room:2'],
      expires: 60,
    }));
    const gateway = await startWithWebhook(backend, { actions: ['connect'], env: OPAQUE });
    const client = await connect(gateway, 'opaque-1');
    expect(client.welcome).toMatchObject({ user: 'ann' });
    expect(client.welcome.expires).toBeGreaterThan(58_000);
    expect(client.welcome.expires).toBeLessThanOrEqual(60_000);
    expect(backend.requests).toEqual([
      {
        type: 'authorize.connect',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        data: { token: 'opaque-1', client: new Sessions().of(client.welcome.session).client, node: 'test-node' },
      },
    ]);
    expect(backend.unsigned).toBe(0);
    expect(await client.subscribe(CHANNEL)).toMatchObject({ channel: CHANNEL });
    expect(await client.publish('room:2', 1)).toMatchObject({ offset: 1 });
    expect(await refusal(client.publish(CHANNEL, 1))).toMatchObject({ code: 'forbidden' });
    await client.close();
  });

  it('contains the origin of a page, but not a token that the gateway has verified itself', async () => {
    const backend = await Backend.start(() => ({ allow: true, channels: ['room:*'] }));
    const gateway = await startWithWebhook(backend, { actions: ['connect'] });
    const token = await signToken({ sub: 'ann', info: { a: 1 }, channels: ['other:*'], exp: secondsFromNow(30) });
    const options = { origin: gateway.url };
    const client = await TestClient.connect(`${gateway.webSocketUrl}?access_token=${token}`, [], options);
    const { origin, user, info, ...rest } = backend.requestsOf('authorize.connect')[0] ?? {};
    expect({ origin, user, info }).toEqual({ origin: gateway.url, user: 'ann', info: { a: 1 } });
    expect(JSON.stringify(rest)).not.toContain(token.slice(0, 20));
    // The response replaces the claims; the token still expires.
    expect(await client.subscribe(CHANNEL)).toMatchObject({ channel: CHANNEL });
    expect(await refusal(client.subscribe('other:1'))).toMatchObject({ code: 'forbidden' });
    expect(client.welcome.expires).toBeLessThanOrEqual(30_000);
    expect(await closeCode(gateway, 'nonsense')).toBe(CLOSE.unauthorized.code);
    expect(backend.requests).toHaveLength(1);
    await client.close();
  });

  it("may be based on your site's own session cookie", async () => {
    const backend = await Backend.start(({ data }) => ({ allow: data['token'] === 's%3Aid', user: 'ann' }));
    const gateway = await startGateway(
      { auth: { cookie: 'connect.sid' }, webhooks: { authorization: { actions: ['connect'] } } },
      { ...backend.env, ...OPAQUE },
    );
    const headers = { Cookie: 'theme=dark; connect.sid=s%3Aid' };
    const client = await TestClient.connect(gateway.webSocketUrl, [SUBPROTOCOL], { headers });
    expect(client.welcome.user).toBe('ann');
    await client.close();
    // A page of another site could send the cookie along.
    const other = new WebSocket(gateway.webSocketUrl, [SUBPROTOCOL], { headers, origin: 'https://evil.test' });
    expect((await new TestClient(other).closed).code).toBe(CLOSE.forbidden.code);
    expect(backend.requests).toHaveLength(1);
  });

  it('is also sent for anonymous clients if these are permitted', async () => {
    const backend = await Backend.start(() => ({ allow: true, user: 'guest-7' }));
    const gateway = await startWithWebhook(backend, { actions: ['connect'] });
    expect((await gateway.connect()).welcome.user).toBe('guest-7');
    const [request] = backend.requestsOf('authorize.connect');
    expect(request).not.toHaveProperty('user');
    expect(request).not.toHaveProperty('token');
  });

  it.each([
    ['forbidden', { allow: false }, 403, CLOSE.forbidden.code],
    ['forbidden', { allow: false, code: 'forbidden' }, 403, CLOSE.forbidden.code],
    ['unauthorized', { allow: false, code: 'unauthorized' }, 401, CLOSE.unauthorized.code],
  ] as const)(
    'that is denied as %s (%j) is reported by status, close code and error',
    async (code, answer, status, close) => {
      const backend = await Backend.start(() => answer);
      const gateway = await startWithWebhook(backend, { actions: ['connect'], env: OPAQUE });
      const raw = await RawSocket.connect(gateway.port);
      raw.write(upgradeRequest({ headers: { Authorization: 'Bearer x' } }));
      expect(await raw.answer()).toMatchObject({ status, body: errorData(code) });
      expect(await closeCode(gateway, 'x')).toBe(close);
      const client = new TestClient(new WebSocket(gateway.webSocketUrl, [SUBPROTOCOL]));
      await once(client.webSocket, 'open');
      expect(await refusal(client.request('connect', { token: 'x' }))).toEqual(errorData(code));
      expect(await client.closed).toMatchObject({ code: close });
      await expect
        .poll(() => metric(gateway, 'holdfast_authorizations_total{action="connect",outcome="denied"}'))
        .toBe(3);
    },
  );

  it('is sent again for a refresh, which extends the connection and ends what is no longer permitted', async () => {
    let answer: object = { allow: true, user: 'ann', channels: ['room:*'], expires: 30 };
    const backend = await Backend.start(() => answer);
    const gateway = await startWithWebhook(backend, { actions: ['connect'], env: OPAQUE });
    const client = await connect(gateway, 'first');
    await client.subscribe(CHANNEL);
    answer = { allow: true, user: 'ann', expires: 90 };
    expect((await client.request('refresh', { token: 'second' })).expires).toBeGreaterThan(80_000);
    expect((await client.next('unsubscribed')).data).toEqual({ channel: CHANNEL, code: 'forbidden' });
    answer = { allow: true, user: 'bob' };
    expect(await refusal(client.request('refresh', { token: 'third' }))).toMatchObject({ code: 'forbidden' });
    await backend.server.stop();
    expect(await refusal(client.request('refresh', { token: 'fourth' }))).toEqual(UNAVAILABLE);
    expect(await client.request('ping')).toEqual({});
    await client.close();
  });

  it('leads to a close with 4001 within a second of the returned expiry', async () => {
    const backend = await Backend.start(() => ({ allow: true, user: 'ann', expires: 0.5 }));
    const gateway = await startWithWebhook(backend, { actions: ['connect'], env: OPAQUE });
    const client = await connect(gateway, 'x');
    const begun = new Stopwatch();
    expect(await client.closed).toMatchObject({ code: CLOSE.unauthorized.code });
    expect(begun.elapsed).toBeLessThan(1_500);
  });
});

describe('an authorization request for subscribe or publish', () => {
  it('is sent if neither a rule nor a token permits the action, also for history and presence', async () => {
    const backend = await Backend.start(({ data }) => ({ allow: data['channel'] === CHANNEL }));
    const gateway = await startChannels(backend, { namespaces: { open: { subscribe: 'anyone', publish: 'anyone' } } });
    const ann = await connectAs(gateway, { sub: 'ann', channels: ['own:*'], publish: ['own:*'] });
    for (const channel of ['open:1', 'own:1', '@me']) await ann.subscribe(channel);
    for (const channel of ['open:1', 'own:1']) await ann.publish(channel, 1);
    await ann.subscribe('room:2', { token: await signToken({ sub: 'ann', channel: 'room:2' }) });
    expect(backend.requests).toEqual([]);

    expect(await ann.request('history', { channel: CHANNEL })).toMatchObject({ publications: [] });
    expect(await ann.request('presence', { channel: CHANNEL })).toMatchObject({ count: 0 });
    expect(await ann.subscribe(CHANNEL)).toMatchObject({ channel: CHANNEL });
    expect(await ann.publish(CHANNEL, 1)).toMatchObject({ offset: 1 });
    const who = { user: 'ann', client: ann.welcome.client, channel: CHANNEL, node: 'test-node' };
    expect(backend.requestsOf('authorize.subscribe')).toEqual([who, who, who]);
    expect(backend.requestsOf('authorize.publish')).toEqual([who]);

    const requests = [
      ann.subscribe('room:3'),
      ann.publish('room:3', 1),
      ann.request('history', { channel: 'room:3' }),
      ann.request('presence', { channel: 'room:3' }),
    ];
    for (const error of await refusals(requests)) expect(error).toMatchObject({ code: 'forbidden' });
    const guest = await gateway.connect();
    await guest.subscribe(CHANNEL);
    expect(backend.requestsOf('authorize.subscribe').at(-1)).toEqual({
      client: guest.welcome.client,
      channel: CHANNEL,
      node: 'test-node',
    });
  });

  it("never permits reading another user's own channel, but may permit writing to it", async () => {
    const backend = await Backend.start(() => ({ allow: true }));
    const gateway = await startChannels(backend);
    const ann = await connectAs(gateway, { sub: 'ann' });
    const reads = [ann.subscribe('@bob'), ann.request('history', { channel: '@bob' })];
    for (const error of await refusals(reads)) expect(error).toMatchObject({ code: 'forbidden' });
    expect(backend.requests).toEqual([]);
    expect(await ann.publish('@bob', 'hello')).toMatchObject({ offset: 1 });
    expect(backend.requestsOf('authorize.publish')).toMatchObject([{ user: 'ann', channel: '@bob' }]);
  });

  it('is not sent unless it is configured', async () => {
    const backend = await Backend.start(() => ({ allow: true }));
    const gateway = await startWithWebhook(backend, { actions: ['publish'] });
    const ann = await connectAs(gateway, { sub: 'ann' });
    expect(await refusal(ann.subscribe(CHANNEL))).toMatchObject({ code: 'forbidden' });
    expect(await ann.publish(CHANNEL, 1)).toMatchObject({ offset: 1 });
  });

  it('may permit a subscription for a limited time, after which the client library subscribes again and misses nothing', async () => {
    const backend = await Backend.start(() => ({ allow: true, expires: 0.5 }));
    const gateway = await startChannels(backend);
    const messages: unknown[] = [];
    const reports: string[] = [];
    const client = new Holdfast(gateway.webSocketUrl);
    onTestFinished(() => client.close());
    const { ready } = client.subscribe(CHANNEL, {
      message: ({ data }) => messages.push(data),
      gap: () => reports.push('gap'),
      unsubscribed: (code) => reports.push(code),
      error: ({ code }) => reports.push(code),
    });
    await ready;
    const publisher = await connectAs(gateway, { sub: 'publisher', publish: ['*'] });
    let published = 0;
    await vi.waitFor(async () => {
      await publisher.publish(CHANNEL, (published += 1));
      expect(backend.requestsOf('authorize.subscribe').length).toBeGreaterThanOrEqual(3);
    });
    await vi.waitFor(() => expect(messages).toEqual(Array.from({ length: published }, (_, index) => index + 1)));
    expect(reports).toEqual([]);
  });
});

describe('a response', () => {
  it('is cached for a while per user, channel and action, also if it is a refusal', async () => {
    const backend = await Backend.start(({ data }) => ({ allow: data['channel'] === CHANNEL }));
    const gateway = await startChannels(backend, { cache: 60 });
    const [ann, also, bob] = [
      await connectAs(gateway, { sub: 'ann' }),
      await connectAs(gateway, { sub: 'ann' }),
      await connectAs(gateway, { sub: 'bob' }),
    ];
    for (const client of [ann, also, bob]) {
      await client.subscribe(CHANNEL);
      await client.publish(CHANNEL, 1);
      await refusal(client.publish('room:2', 1));
    }
    expect(backend.requestsOf('authorize.subscribe').map(({ user }) => user)).toEqual(['ann', 'bob']);
    expect(backend.requestsOf('authorize.publish').map(({ user }) => user)).toEqual(['ann', 'ann', 'bob', 'bob']);
    await expect
      .poll(() => metric(gateway, 'holdfast_authorizations_total{action="publish",outcome="cached"}'))
      .toBe(2);
    // Anonymous clients are not one user.
    for (const guest of [await gateway.connect(), await gateway.connect()]) await guest.publish(CHANNEL, 1);
    expect(backend.requestsOf('authorize.publish')).toHaveLength(6);
  });

  it('is requested again after that time, or earlier if it expires earlier', async () => {
    const backend = await Backend.start(({ type }) => ({ allow: true, ...(type.endsWith('be') && { expires: 0.2 }) }));
    const gateway = await startChannels(backend, { cache: 0.2 });
    const ann = await connectAs(gateway, { sub: 'ann' });
    for (const type of ['authorize.subscribe', 'authorize.publish']) {
      await vi.waitFor(async () => {
        await (type.endsWith('be') ? ann.request('history', { channel: CHANNEL }) : ann.publish(CHANNEL, 1));
        expect(backend.requestsOf(type)).toHaveLength(2);
      });
    }
  });

  it('serves all concurrent requests for the same permission', async () => {
    const answers: ((answer: object) => void)[] = [];
    const backend = await Backend.start(() => new Promise<object>((resolve) => answers.push(resolve)));
    const gateway = await startChannels(backend);
    const clients = await Promise.all(Array.from({ length: 5 }, () => connectAs(gateway, { sub: 'ann' })));
    const subscribed = Promise.all(clients.map((client) => client.subscribe(CHANNEL)));
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    answers[0]?.({ allow: true });
    expect(await subscribed).toHaveLength(5);
    expect(answers).toHaveLength(1);
  });
});

describe('a backend', () => {
  const faults: Record<string, HttpServer['answer']> = {
    'that is slow': () => undefined,
    'that fails': (response) => json(response, { allow: true }, 500),
    'that cuts the connection': (response) => void response.destroy(),
    'that sends an endless response': (response) => {
      response.writeHead(200);
      response.write('{"allow": true, "info": "');
      const fill = setInterval(() => response.write('x'.repeat(1_000)), 1);
      response.on('close', () => clearInterval(fill));
    },
    'that returns invalid JSON': (response) => void response.end('<html>allow: true</html>'),
    'that returns an empty response': (response) => void response.end(),
    'that returns an unknown member': (response) => json(response, { allow: true, expire: 5 }),
    'that returns too large a response': (response) => json(response, { allow: true, info: 'x'.repeat(70_000) }),
    'that returns a wrong type': (response) => json(response, { allow: 'true' }),
    'that redirects': (response) => void response.writeHead(307, { Location: '/other' }).end(),
  };

  it.each(Object.entries(faults))('%s permits nothing, and clients may retry', async (_name, fault) => {
    const backend = await Backend.start(() => ({ allow: true }));
    const gateway = await startWithWebhook(backend, { timeout: 0.2 });
    // A busy machine may exceed the timeout.
    const ann = await vi.waitFor(
      () => connectAs(gateway, { sub: 'ann', publish: ['news:*'], channels: ['news:*'] }),
      30_000,
    );
    backend.fault = fault;
    const begun = new Stopwatch();
    const requests = [ann.subscribe(CHANNEL), ann.publish(CHANNEL, 1)];
    expect(await refusals(requests)).toEqual([UNAVAILABLE, UNAVAILABLE]);
    expect(begun.elapsed).toBeLessThan(2_000);
    const raw = await RawSocket.connect(gateway.port);
    raw.write(upgradeRequest());
    const { status, body, headers } = await raw.answer();
    expect({ status, body }).toEqual({ status: 503, body: UNAVAILABLE });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await closeCode(gateway, await signToken({ sub: 'ann' }))).toBe(CLOSE.overloaded.code);
    // Existing connections continue.
    await ann.subscribe('news:1');
    expect(await ann.publish('news:1', 1)).toMatchObject({ offset: 1 });

    backend.fault = undefined;
    await vi.waitFor(async () => expect(await ann.subscribe(CHANNEL)).toMatchObject({ channel: CHANNEL }));
  });

  it('that cannot be reached permits nothing, and clients may retry', async () => {
    const backend = await Backend.start();
    const gateway = await startChannels(backend);
    const ann = await connectAs(gateway, { sub: 'ann' });
    await backend.server.stop();
    expect(await refusal(ann.subscribe(CHANNEL))).toEqual(UNAVAILABLE);
    await expect
      .poll(() => metric(gateway, 'holdfast_authorizations_total{action="subscribe",outcome="failed"}'))
      .toBe(1);
  });

  it('that rejects the signature permits nothing, and clients may retry', async () => {
    const backend = await Backend.start(() => ({ allow: true }));
    const gateway = await startChannels(backend);
    backend.secrets = [webhookSecret()];
    const ann = await connectAs(gateway, { sub: 'ann' });
    expect(await refusal(ann.subscribe(CHANNEL))).toEqual(UNAVAILABLE);
    expect(backend.unsigned).toBe(1);
  });

  it('that fails for all users is not called for a while', async () => {
    const backend = await Backend.start(() => ({ allow: true }));
    const gateway = await startChannels(backend);
    const users = await Promise.all(Array.from({ length: 20 }, (_, n) => connectAs(gateway, { sub: `user-${n}` })));
    backend.fault = (response) => json(response, {}, 500);
    for (const user of users) expect(await refusal(user.publish(CHANNEL, 1))).toEqual(UNAVAILABLE);
    expect(backend.requests).toHaveLength(5);
    await expect.poll(() => metric(gateway, 'holdfast_authorization_breaker_open')).toBe(1);
    await expect
      .poll(() => metric(gateway, 'holdfast_authorizations_total{action="publish",outcome="rejected"}'))
      .toBe(15);
    backend.fault = undefined;
    const [ann] = users;
    await vi.waitFor(async () => expect(await ann?.publish(CHANNEL, 1)).toMatchObject({ offset: 1 }));
    await expect.poll(() => metric(gateway, 'holdfast_authorization_breaker_open')).toBe(0);
  });

  it('that cannot be reached is not called for a while, even if only one client calls it', async () => {
    const backend = await Backend.start();
    const gateway = await startChannels(backend);
    const ann = await connectAs(gateway, { sub: 'ann' });
    await backend.server.stop();
    for (let attempt = 0; attempt < 10; attempt += 1) await refusal(ann.publish(`room:${attempt}`, 1));
    await expect
      .poll(() => metric(gateway, 'holdfast_authorizations_total{action="publish",outcome="failed"}'))
      .toBe(5);
    await expect.poll(() => metric(gateway, 'holdfast_authorization_breaker_open')).toBe(1);
  });
});

/** Connections of one user that keep publishing to new channels until the test ends. */
async function flood(gateway: TestGateway, channel: string): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 10 }, () => connectAs(gateway, { sub: 'evil' })));
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  for (const [index, client] of clients.entries()) {
    for (let task = 0; task < 16; task += 1) {
      void (async () => {
        for (let n = 0; !ended.signal.aborted; n += 1) {
          await client.publish(`${channel}:${index}-${task}-${n}`, 1).catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
    }
  }
}

async function outcomesOf(client: TestClient, times: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let n = 0; n < times; n += 1) {
    const outcome = await client.subscribe(`good:${n}`).then(
      () => 'allowed',
      (error: { code: string }) => error.code,
    );
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

describe('authorization requests for one user do not delay those for others', () => {
  it('however many they are', async () => {
    const backend = await Backend.start(() => new Promise((resolve) => setTimeout(() => resolve({ allow: true }), 20)));
    const gateway = await startChannels(backend, { concurrency: 8, timeout: 5 });
    const good = await connectAs(gateway, { sub: 'good' });
    await flood(gateway, 'evil');
    await vi.waitFor(async () =>
      expect(
        await metric(gateway, 'holdfast_authorizations_total{action="publish",outcome="rejected"}'),
      ).toBeGreaterThan(100),
    );
    expect(await outcomesOf(good, 30)).toEqual({ allowed: 30 });
  });

  it('however long they take', async () => {
    const backend = await Backend.start(({ data }) =>
      data['user'] === 'evil' ? new Promise(() => undefined) : { allow: true },
    );
    const gateway = await startChannels(backend, { concurrency: 8, timeout: 1 });
    const good = await connectAs(gateway, { sub: 'good' });
    await flood(gateway, 'evil');
    await vi.waitFor(() => expect(backend.requestsOf('authorize.publish').length).toBeGreaterThan(1));
    expect(await outcomesOf(good, 30)).toEqual({ allowed: 30 });
    await expect.poll(() => metric(gateway, 'holdfast_authorization_breaker_open')).toBe(0);
  });

  it.each<[string, Backend['fault']]>([
    ['an error', (response) => json(response, {}, 500)],
    ['a closed connection', (response) => void response.destroy()],
    ['an invalid response', (response) => json(response, { allow: 'perhaps' })],
  ])('even if the backend answers each of them with %s: only that user waits', async (_what, fault) => {
    const backend = await Backend.start(() => ({ allow: true }));
    backend.fault = (response, { body }) => {
      if (body.includes('"evil"')) fault?.(response, { body, headers: {}, url: '' });
      else json(response, { allow: true });
    };
    const gateway = await startChannels(backend);
    const good = await connectAs(gateway, { sub: 'good' });
    await flood(gateway, 'bad');
    await vi.waitFor(async () =>
      expect(
        await metric(gateway, 'holdfast_authorizations_total{action="publish",outcome="rejected"}'),
      ).toBeGreaterThan(200),
    );
    expect(await outcomesOf(good, 100)).toEqual({ allowed: 100 });
    await expect.poll(() => metric(gateway, 'holdfast_authorization_breaker_open')).toBe(0);
    expect(backend.requestsOf('authorize.publish').length).toBeLessThan(100);
  });
});

it('at most the configured number of requests is in progress, and at most four times as many are waiting', async () => {
  const answers: ((answer: object) => void)[] = [];
  const backend = await Backend.start(
    (_request: WebhookRequest) => new Promise<object>((resolve) => answers.push(resolve)),
  );
  const gateway = await startChannels(backend, { concurrency: 2, timeout: 30 });
  const ann = await connectAs(gateway, { sub: 'ann' });
  const outcomes: string[] = [];
  const publishes = Array.from({ length: 12 }, async (_, index) => {
    const outcome = await ann.publish(`room:${index}`, 1).then(
      () => 'stored',
      (error: { code: string }) => error.code,
    );
    outcomes.push(outcome);
  });
  await vi.waitFor(() => expect(outcomes).toEqual(['authorization_unavailable', 'authorization_unavailable']));
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  for (let answered = 0; answered < 10; answered += 1) {
    await vi.waitFor(() => expect(answers.length).toBeGreaterThan(answered));
    expect(answers.length).toBeLessThanOrEqual(answered + 2);
    answers[answered]?.({ allow: true });
  }
  await Promise.all(publishes);
  expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(10);
});
