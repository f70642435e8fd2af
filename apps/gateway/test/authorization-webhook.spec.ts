import { once } from 'node:events';
import { Holdfast } from '@holdfast/client';
import { CLOSE, errorData, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { sessionOf } from '../src/gateway/session.js';
import { Backend, webhookSecret, type Question } from './support/backend.js';
import { connectAs, refusal } from './support/connect-as.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { json, type HttpServer } from './support/http-server.js';
import { metric } from './support/metric.js';
import { NO_LIMITS } from './support/no-limits.js';
import { RawSocket, upgradeRequest } from './support/raw-socket.js';
import { TestClient } from './support/test-client.js';
import { secondsFromNow, signToken } from './support/tokens.js';

const CHANNEL = 'room:1';
const UNAVAILABLE = errorData('authorization_unavailable');
/** The backend verifies tokens, nobody else. */
const OPAQUE = { HOLDFAST_JWT_SECRET: '', HOLDFAST_ANONYMOUS: 'false' };

type Authorization = Record<string, unknown>;

/** A gateway where nobody may do anything but what this backend allows, asked about some actions. */
async function startAsking(
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
      // How much one user may ask in all is tested elsewhere.
      limits: { userFrames: NO_LIMITS.userFrames },
      namespaces,
      webhooks: { authorization: { cache: 0, ...authorization } },
    },
    { ...backend.env, ...env },
  );
}

/** Allows subscribing and publishing, or not. */
function startChannels(backend: Backend, options: Parameters<typeof startAsking>[1] = {}): Promise<TestGateway> {
  return startAsking(backend, { actions: ['subscribe', 'publish'], ...options });
}

async function closeCode({ webSocketUrl }: TestGateway, token: string): Promise<number> {
  const url = `${webSocketUrl}?access_token=${token}`;
  return (await new TestClient(new WebSocket(url, [SUBPROTOCOL])).closed).code;
}

function connect({ webSocketUrl }: TestGateway, token: string): Promise<TestClient> {
  return TestClient.connect(webSocketUrl, [SUBPROTOCOL, `bearer.${token}`]);
}

describe('the question whether a client may connect', () => {
  it('is signed, and the backend says who an opaque token is and what it permits', async () => {
    const backend = await Backend.start(() => ({
      allow: true,
      user: 'ann',
      info: { name: 'Ann' },
      channels: ['room:*'],
      publish: ['room:2'],
      expires: 60,
    }));
    const gateway = await startAsking(backend, { actions: ['connect'], env: OPAQUE });
    const client = await connect(gateway, 'opaque-1');
    expect(client.welcome).toMatchObject({ user: 'ann' });
    expect(client.welcome.expires).toBeGreaterThan(58_000);
    expect(client.welcome.expires).toBeLessThanOrEqual(60_000);
    expect(backend.questions).toEqual([
      {
        type: 'authorize.connect',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        data: { token: 'opaque-1', client: sessionOf(client.welcome.session).client, node: 'test-node' },
      },
    ]);
    expect(backend.unsigned).toBe(0);
    expect(await client.subscribe(CHANNEL)).toMatchObject({ channel: CHANNEL });
    expect(await client.publish('room:2', 1)).toMatchObject({ offset: 1 });
    expect(await refusal(client.publish(CHANNEL, 1))).toMatchObject({ code: 'forbidden' });
    await client.close();
  });

  it('holds no token that the gateway has verified itself, and the origin of a page', async () => {
    const backend = await Backend.start(() => ({ allow: true, channels: ['room:*'] }));
    const gateway = await startAsking(backend, { actions: ['connect'] });
    const token = await signToken({ sub: 'ann', info: { a: 1 }, channels: ['other:*'], exp: secondsFromNow(30) });
    const options = { origin: gateway.url };
    const client = await TestClient.connect(`${gateway.webSocketUrl}?access_token=${token}`, [], options);
    const { origin, user, info, ...rest } = backend.asked('authorize.connect')[0] ?? {};
    expect({ origin, user, info }).toEqual({ origin: gateway.url, user: 'ann', info: { a: 1 } });
    expect(JSON.stringify(rest)).not.toContain(token.slice(0, 20));
    // What the backend gives takes the place of the claims; the token still ends.
    expect(await client.subscribe(CHANNEL)).toMatchObject({ channel: CHANNEL });
    expect(await refusal(client.subscribe('other:1'))).toMatchObject({ code: 'forbidden' });
    expect(client.welcome.expires).toBeLessThanOrEqual(30_000);
    expect(await closeCode(gateway, 'nonsense')).toBe(CLOSE.unauthorized.code);
    expect(backend.questions).toHaveLength(1);
    await client.close();
  });

  it("may be about your site's own session cookie", async () => {
    const backend = await Backend.start(({ data }) => ({ allow: data['token'] === 's%3Aid', user: 'ann' }));
    const gateway = await startGateway(
      { auth: { cookie: 'connect.sid' }, webhooks: { authorization: { actions: ['connect'] } } },
      { ...backend.env, ...OPAQUE },
    );
    const headers = { Cookie: 'theme=dark; connect.sid=s%3Aid' };
    const client = await TestClient.connect(gateway.webSocketUrl, [SUBPROTOCOL], { headers });
    expect(client.welcome.user).toBe('ann');
    await client.close();
    // A page of another site could send it along.
    const other = new WebSocket(gateway.webSocketUrl, [SUBPROTOCOL], { headers, origin: 'https://evil.test' });
    expect((await new TestClient(other).closed).code).toBe(CLOSE.forbidden.code);
    expect(backend.questions).toHaveLength(1);
  });

  it('is asked of anonymous clients too, where those are let in', async () => {
    const backend = await Backend.start(() => ({ allow: true, user: 'guest-7' }));
    const gateway = await startAsking(backend, { actions: ['connect'] });
    expect((await gateway.connect()).welcome.user).toBe('guest-7');
    const [question] = backend.asked('authorize.connect');
    expect(question).not.toHaveProperty('user');
    expect(question).not.toHaveProperty('token');
  });

  it.each([
    ['forbidden', { allow: false }, 403, CLOSE.forbidden.code],
    ['forbidden', { allow: false, code: 'forbidden' }, 403, CLOSE.forbidden.code],
    ['unauthorized', { allow: false, code: 'unauthorized' }, 401, CLOSE.unauthorized.code],
  ] as const)('that is denied as %s (%j) is told by each way of telling', async (code, answer, status, close) => {
    const backend = await Backend.start(() => answer);
    const gateway = await startAsking(backend, { actions: ['connect'], env: OPAQUE });
    const raw = await RawSocket.connect(gateway.port);
    raw.write(upgradeRequest({ headers: { Authorization: 'Bearer x' } }));
    expect(await raw.answer()).toMatchObject({ status, body: errorData(code) });
    expect(await closeCode(gateway, 'x')).toBe(close);
    const client = new TestClient(new WebSocket(gateway.webSocketUrl, [SUBPROTOCOL]));
    await once(client.webSocket, 'open');
    expect(await refusal(client.request('connect', { token: 'x' }))).toEqual(errorData(code));
    expect(await client.closed).toMatchObject({ code: close });
    expect(await metric(gateway, 'holdfast_authorizations_total{action="connect",outcome="denied"}')).toBe(3);
  });

  it('is asked again for a refresh, which extends, and ends what is not permitted any more', async () => {
    let answer: object = { allow: true, user: 'ann', channels: ['room:*'], expires: 30 };
    const backend = await Backend.start(() => answer);
    const gateway = await startAsking(backend, { actions: ['connect'], env: OPAQUE });
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

  it('ends the connection with 4001 within a second of the time that was given', async () => {
    const backend = await Backend.start(() => ({ allow: true, user: 'ann', expires: 0.5 }));
    const gateway = await startAsking(backend, { actions: ['connect'], env: OPAQUE });
    const client = await connect(gateway, 'x');
    const begun = performance.now();
    expect(await client.closed).toMatchObject({ code: CLOSE.unauthorized.code });
    expect(performance.now() - begun).toBeLessThan(1_500);
  });
});

describe('the question whether a user may subscribe or publish', () => {
  it('is asked where neither a rule nor a token permits it, for reading too', async () => {
    const backend = await Backend.start(({ data }) => ({ allow: data['channel'] === CHANNEL }));
    const gateway = await startChannels(backend, { namespaces: { open: { subscribe: 'anyone', publish: 'anyone' } } });
    const ann = await connectAs(gateway, { sub: 'ann', channels: ['own:*'], publish: ['own:*'] });
    for (const channel of ['open:1', 'own:1', '@me']) await ann.subscribe(channel);
    for (const channel of ['open:1', 'own:1']) await ann.publish(channel, 1);
    await ann.subscribe('room:2', { token: await signToken({ sub: 'ann', channel: 'room:2' }) });
    expect(backend.questions).toEqual([]);

    expect(await ann.request('history', { channel: CHANNEL })).toMatchObject({ publications: [] });
    expect(await ann.request('presence', { channel: CHANNEL })).toMatchObject({ count: 0 });
    expect(await ann.subscribe(CHANNEL)).toMatchObject({ channel: CHANNEL });
    expect(await ann.publish(CHANNEL, 1)).toMatchObject({ offset: 1 });
    const who = { user: 'ann', client: ann.welcome.client, channel: CHANNEL, node: 'test-node' };
    expect(backend.asked('authorize.subscribe')).toEqual([who, who, who]);
    expect(backend.asked('authorize.publish')).toEqual([who]);

    for (const request of [
      ann.subscribe('room:3'),
      ann.publish('room:3', 1),
      ann.request('history', { channel: 'room:3' }),
      ann.request('presence', { channel: 'room:3' }),
    ]) {
      expect(await refusal(request)).toMatchObject({ code: 'forbidden' });
    }
    const guest = await gateway.connect();
    await guest.subscribe(CHANNEL);
    expect(backend.asked('authorize.subscribe').at(-1)).toEqual({
      client: guest.welcome.client,
      channel: CHANNEL,
      node: 'test-node',
    });
  });

  it("never opens another user's own channel, but may let a user write to it", async () => {
    const backend = await Backend.start(() => ({ allow: true }));
    const gateway = await startChannels(backend);
    const ann = await connectAs(gateway, { sub: 'ann' });
    for (const request of [ann.subscribe('@bob'), ann.request('history', { channel: '@bob' })]) {
      expect(await refusal(request)).toMatchObject({ code: 'forbidden' });
    }
    expect(backend.questions).toEqual([]);
    expect(await ann.publish('@bob', 'hello')).toMatchObject({ offset: 1 });
    expect(backend.asked('authorize.publish')).toMatchObject([{ user: 'ann', channel: '@bob' }]);
  });

  it('is not asked where the configuration does not say so', async () => {
    const backend = await Backend.start(() => ({ allow: true }));
    const gateway = await startAsking(backend, { actions: ['publish'] });
    const ann = await connectAs(gateway, { sub: 'ann' });
    expect(await refusal(ann.subscribe(CHANNEL))).toMatchObject({ code: 'forbidden' });
    expect(await ann.publish(CHANNEL, 1)).toMatchObject({ offset: 1 });
  });

  it('may be answered for a time, after which the client library asks again and misses nothing', async () => {
    const backend = await Backend.start(() => ({ allow: true, expires: 0.5 }));
    const gateway = await startChannels(backend);
    const messages: unknown[] = [];
    const told: string[] = [];
    const client = new Holdfast(gateway.webSocketUrl);
    onTestFinished(() => client.close());
    const { ready } = client.subscribe(CHANNEL, {
      message: ({ data }) => messages.push(data),
      gap: () => told.push('gap'),
      unsubscribed: (code) => told.push(code),
      error: ({ code }) => told.push(code),
    });
    await ready;
    const publisher = await connectAs(gateway, { sub: 'publisher', publish: ['*'] });
    let published = 0;
    await vi.waitFor(
      async () => {
        await publisher.publish(CHANNEL, (published += 1));
        expect(backend.asked('authorize.subscribe').length).toBeGreaterThanOrEqual(3);
      },
      { timeout: 8_000 },
    );
    await vi.waitFor(() => expect(messages).toEqual(Array.from({ length: published }, (_, index) => index + 1)));
    expect(told).toEqual([]);
  });
});

describe('an answer', () => {
  it('is remembered for a while, for one user, channel and action; a refusal too', async () => {
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
    expect(backend.asked('authorize.subscribe').map(({ user }) => user)).toEqual(['ann', 'bob']);
    expect(backend.asked('authorize.publish').map(({ user }) => user)).toEqual(['ann', 'ann', 'bob', 'bob']);
    expect(await metric(gateway, 'holdfast_authorizations_total{action="publish",outcome="cached"}')).toBe(2);
    // Anonymous clients are not one person.
    for (const guest of [await gateway.connect(), await gateway.connect()]) await guest.publish(CHANNEL, 1);
    expect(backend.asked('authorize.publish')).toHaveLength(6);
  });

  it('is asked for again after that while, or when it was given for less', async () => {
    const backend = await Backend.start(({ type }) => ({ allow: true, ...(type.endsWith('be') && { expires: 0.2 }) }));
    const gateway = await startChannels(backend, { cache: 0.2 });
    const ann = await connectAs(gateway, { sub: 'ann' });
    for (const type of ['authorize.subscribe', 'authorize.publish']) {
      await vi.waitFor(
        async () => {
          await (type.endsWith('be') ? ann.request('history', { channel: CHANNEL }) : ann.publish(CHANNEL, 1));
          expect(backend.asked(type)).toHaveLength(2);
        },
        { timeout: 3_000 },
      );
    }
  });

  it('serves all who ask the same at once', async () => {
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

describe('a backend that cannot be asked permits nothing, and clients may try again', () => {
  const faults: Record<string, HttpServer['answer']> = {
    'that is slow': () => undefined,
    'that fails': (response) => json(response, { allow: true }, 500),
    'that cuts the connection': (response) => void response.destroy(),
    'that answers without end': (response) => {
      response.writeHead(200);
      response.write('{"allow": true, "info": "');
      const fill = setInterval(() => response.write('x'.repeat(1_000)), 1);
      response.on('close', () => clearInterval(fill));
    },
    'that answers no JSON': (response) => void response.end('<html>allow: true</html>'),
    'that answers nothing': (response) => void response.end(),
    'that answers with a typo': (response) => json(response, { allow: true, expire: 5 }),
    'that answers with too much': (response) => json(response, { allow: true, info: 'x'.repeat(70_000) }),
    'that answers with a word': (response) => json(response, { allow: 'true' }),
    'that leads elsewhere': (response) => void response.writeHead(307, { Location: '/other' }).end(),
  };

  it.each(Object.entries(faults))('%s', async (_name, fault) => {
    const backend = await Backend.start(() => ({ allow: true }));
    const gateway = await startAsking(backend, { timeout: 0.2 });
    const ann = await connectAs(gateway, { sub: 'ann', publish: ['news:*'], channels: ['news:*'] });
    backend.fault = fault;
    const begun = performance.now();
    for (const request of [ann.subscribe(CHANNEL), ann.publish(CHANNEL, 1)]) {
      expect(await refusal(request)).toEqual(UNAVAILABLE);
    }
    expect(performance.now() - begun).toBeLessThan(2_000);
    const raw = await RawSocket.connect(gateway.port);
    raw.write(upgradeRequest());
    const { status, body, headers } = await raw.answer();
    expect({ status, body }).toEqual({ status: 503, body: UNAVAILABLE });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await closeCode(gateway, await signToken({ sub: 'ann' }))).toBe(CLOSE.overloaded.code);
    // Whoever is in goes on.
    await ann.subscribe('news:1');
    expect(await ann.publish('news:1', 1)).toMatchObject({ offset: 1 });

    backend.fault = undefined;
    await vi.waitFor(async () => expect(await ann.subscribe(CHANNEL)).toMatchObject({ channel: CHANNEL }), {
      timeout: 5_000,
    });
  });

  it('that is not there', async () => {
    const backend = await Backend.start();
    const gateway = await startChannels(backend);
    const ann = await connectAs(gateway, { sub: 'ann' });
    await backend.server.stop();
    expect(await refusal(ann.subscribe(CHANNEL))).toEqual(UNAVAILABLE);
    expect(await metric(gateway, 'holdfast_authorizations_total{action="subscribe",outcome="failed"}')).toBe(1);
  });

  it('that takes another secret', async () => {
    const backend = await Backend.start(() => ({ allow: true }));
    const gateway = await startChannels(backend);
    backend.secrets = [webhookSecret()];
    const ann = await connectAs(gateway, { sub: 'ann' });
    expect(await refusal(ann.subscribe(CHANNEL))).toEqual(UNAVAILABLE);
    expect(backend.unsigned).toBe(1);
  });

  it('and is left alone for a while when it fails for everybody', async () => {
    const backend = await Backend.start(() => ({ allow: true }));
    const gateway = await startChannels(backend);
    const users = await Promise.all(Array.from({ length: 20 }, (_, n) => connectAs(gateway, { sub: `user-${n}` })));
    backend.fault = (response) => json(response, {}, 500);
    for (const user of users) expect(await refusal(user.publish(CHANNEL, 1))).toEqual(UNAVAILABLE);
    expect(backend.questions).toHaveLength(5);
    expect(await metric(gateway, 'holdfast_authorization_breaker_open')).toBe(1);
    expect(await metric(gateway, 'holdfast_authorizations_total{action="publish",outcome="rejected"}')).toBe(15);
    backend.fault = undefined;
    const [ann] = users;
    await vi.waitFor(async () => expect(await ann?.publish(CHANNEL, 1)).toMatchObject({ offset: 1 }), {
      timeout: 5_000,
    });
    expect(await metric(gateway, 'holdfast_authorization_breaker_open')).toBe(0);
  });

  it('and is left alone at once if it cannot be reached, whoever asks', async () => {
    const backend = await Backend.start();
    const gateway = await startChannels(backend);
    const ann = await connectAs(gateway, { sub: 'ann' });
    await backend.server.stop();
    for (let attempt = 0; attempt < 10; attempt += 1) await refusal(ann.publish(`room:${attempt}`, 1));
    expect(await metric(gateway, 'holdfast_authorizations_total{action="publish",outcome="failed"}')).toBe(5);
    expect(await metric(gateway, 'holdfast_authorization_breaker_open')).toBe(1);
  });
});

/** Connections of one user that ask about ever new channels for as long as the test runs. */
async function flood(gateway: TestGateway, channel: string): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 10 }, () => connectAs(gateway, { sub: 'evil' })));
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  for (const [index, client] of clients.entries()) {
    for (let lane = 0; lane < 16; lane += 1) {
      void (async () => {
        for (let n = 0; !ended.signal.aborted; n += 1) {
          await client.publish(`${channel}:${index}-${lane}-${n}`, 1).catch(() => undefined);
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

describe("one user's questions take nothing away from others", () => {
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
    await vi.waitFor(() => expect(backend.asked('authorize.publish').length).toBeGreaterThan(1));
    expect(await outcomesOf(good, 30)).toEqual({ allowed: 30 });
    expect(await metric(gateway, 'holdfast_authorization_breaker_open')).toBe(0);
  });

  it.each<[string, Backend['fault']]>([
    ['an error', (response) => json(response, {}, 500)],
    ['a cut connection', (response) => void response.destroy()],
    ['something else than an answer', (response) => json(response, { allow: 'perhaps' })],
  ])('although the backend answers each of them by %s, and they alone wait', async (_what, fault) => {
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
    expect(await metric(gateway, 'holdfast_authorization_breaker_open')).toBe(0);
    expect(backend.asked('authorize.publish').length).toBeLessThan(100);
  });
});

it('no more requests are under way than the configuration says, and no more wait than four times as many', async () => {
  const answers: ((answer: object) => void)[] = [];
  const backend = await Backend.start((_question: Question) => new Promise<object>((resolve) => answers.push(resolve)));
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
