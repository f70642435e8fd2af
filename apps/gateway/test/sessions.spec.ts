import { SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { connectAs, refusal } from './support/connect-as.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { startGatewaysOnOneBroker } from './support/gateways-on-one-broker.js';
import { TestClient } from './support/test-client.js';
import { secondsFromNow, signToken } from './support/tokens.js';

const CHANNEL = 'secret:plans';

/** Everything that is not granted is forbidden. */
function startWithoutPermissions(): Promise<TestGateway> {
  return startGateway({ namespaceDefaults: { subscribe: 'granted', publish: 'granted' } });
}

async function dataOf(client: TestClient, event: string): Promise<unknown> {
  return (await client.next(event)).data;
}

/** A client receives nothing more after the end of its subscription. */
async function expectSilence(gateway: TestGateway, client: TestClient, channel = CHANNEL): Promise<void> {
  const publisher = await connectAs(gateway, { sub: 'publisher', publish: ['*'] });
  await publisher.publish(channel, 'unheard');
  await client.request('ping', undefined);
  expect(client.offsets(channel)).toEqual([]);
}

/** Connects with a session. */
function present({ webSocketUrl }: TestGateway, session: string): Promise<TestClient> {
  return TestClient.connect(webSocketUrl, [SUBPROTOCOL, `session.${session}`]);
}

describe('a session', () => {
  it('proves the client id on every pod', async () => {
    const [here, there] = await startGatewaysOnOneBroker([{}, {}]);
    if (here === undefined || there === undefined) throw new Error('expected two gateways');
    const first = await here.connect();
    const { client, session } = first.welcome;
    expect(client).not.toContain(session);
    expect((await present(there, session)).welcome).toMatchObject({ client, session });
  });

  it('is sent in a subprotocol, which is not echoed, along with the token and other subprotocols', async () => {
    const gateway = await startGateway();
    const ann = await signToken({ sub: 'ann' });
    const first = await TestClient.connect(gateway.webSocketUrl, [SUBPROTOCOL, `bearer.${ann}`]);
    const { session, client } = first.welcome;
    const offers = [
      [SUBPROTOCOL, `bearer.${ann}`, `session.${session}`],
      [`session.${session}`, `bearer.${ann}`, SUBPROTOCOL],
      ['chat', SUBPROTOCOL, `session.${session}`, `bearer.${ann}`],
    ];
    for (const protocols of offers) {
      const again = await TestClient.connect(gateway.webSocketUrl, protocols);
      expect(again.webSocket.protocol).toBe(SUBPROTOCOL);
      expect(again.welcome).toMatchObject({ client, session, user: 'ann' });
      await again.close();
    }
  });

  it('is also read from the query, where earlier versions of clients send it; a subprotocol takes precedence', async () => {
    const gateway = await startGateway();
    const [one, other] = [(await gateway.connect()).welcome, (await gateway.connect()).welcome];
    expect((await gateway.connect(`?session=${one.session}`)).welcome.client).toBe(one.client);
    const both = await TestClient.connect(`${gateway.webSocketUrl}?session=${one.session}`, [
      SUBPROTOCOL,
      `session.${other.session}`,
    ]);
    expect(both.welcome.client).toBe(other.client);
  });

  it('is new for each connection that presents none', async () => {
    const gateway = await startGateway();
    const [one, other] = [await gateway.connect(), await gateway.connect()];
    expect(one.welcome.session).not.toBe(other.welcome.session);
    expect(one.welcome.client).not.toBe(other.welcome.client);
  });

  it.each(['short', 'x'.repeat(33), 'session.', '.'.repeat(32), '%'.repeat(32)])(
    'that the gateway cannot have issued is replaced: %j in a subprotocol',
    async (session) => {
      const gateway = await startGateway();
      const { welcome } = await present(gateway, session);
      expect(welcome.session).toMatch(/^[\w-]{32}$/);
      expect(welcome.session).not.toBe(session);
    },
  );

  it.each(['', 'short', 'x'.repeat(33), '%00'.repeat(32), 'ü'.repeat(32), 'a b'.repeat(10)])(
    'that the gateway cannot have issued is replaced: %j in the query',
    async (session) => {
      const gateway = await startGateway();
      const { welcome } = await gateway.connect(`?session=${session}`);
      expect(welcome.session).toMatch(/^[\w-]{32}$/);
      expect(welcome.session).not.toBe(session);
    },
  );

  it('is not proved by the client id, which is public', async () => {
    const gateway = await startGateway();
    const { client } = (await gateway.connect()).welcome;
    for (const guess of [client, client.padEnd(32, '0')]) {
      expect((await present(gateway, guess)).welcome.client).not.toBe(client);
    }
  });
});

describe('a refresh', () => {
  it('that drops a permission ends the subscriptions that depended on it, and no others', async () => {
    const gateway = await startWithoutPermissions();
    const alice = await connectAs(gateway, { sub: 'alice', channels: ['secret:*', 'news:*'] });
    for (const channel of [CHANNEL, 'news:today', '@me']) await alice.subscribe(channel);
    await alice.request('refresh', { token: await signToken({ sub: 'alice', channels: ['news:*'] }) });
    expect(await dataOf(alice, 'unsubscribed')).toEqual({ channel: CHANNEL, code: 'forbidden' });
    expect(alice.of('unsubscribed')).toHaveLength(1);
    await expectSilence(gateway, alice);
    expect(await refusal(alice.subscribe(CHANNEL))).toMatchObject({ code: 'forbidden' });
    expect(await refusal(alice.subscribe('news:today'))).toMatchObject({ code: 'already_subscribed' });
    expect(await refusal(alice.subscribe('@alice'))).toMatchObject({ code: 'already_subscribed' });
  });

  it('that adds a permission permits more subscriptions', async () => {
    const gateway = await startWithoutPermissions();
    const alice = await connectAs(gateway, { sub: 'alice' });
    expect(await refusal(alice.subscribe(CHANNEL))).toMatchObject({ code: 'forbidden' });
    await alice.request('refresh', { token: await signToken({ sub: 'alice', channels: ['secret:*'] }) });
    expect(await alice.subscribe(CHANNEL)).toMatchObject({ channel: CHANNEL });
  });

  it('does not end subscriptions that have their own token', async () => {
    const gateway = await startWithoutPermissions();
    const alice = await connectAs(gateway, { sub: 'alice', channels: ['secret:*'] });
    await alice.subscribe('secret:other');
    await alice.request('refresh', { token: await signToken({ sub: 'alice' }) });
    expect(await dataOf(alice, 'unsubscribed')).toMatchObject({ channel: 'secret:other' });
    await alice.subscribe(CHANNEL, { token: await signToken({ sub: 'alice', channel: CHANNEL }) });
    await alice.request('refresh', { token: await signToken({ sub: 'alice' }) });
    expect(alice.of('unsubscribed')).toHaveLength(1);
  });
});

describe('a subscription token', () => {
  it('permits its one channel to its user', async () => {
    const gateway = await startWithoutPermissions();
    const alice = await connectAs(gateway, { sub: 'alice' });
    const token = await signToken({ sub: 'alice', channel: CHANNEL });
    expect(await alice.subscribe(CHANNEL, { token })).toMatchObject({ channel: CHANNEL });
    expect(await alice.request('history', { channel: CHANNEL })).toMatchObject({ publications: [] });
    expect(await alice.request('presence', { channel: CHANNEL })).toMatchObject({ count: 1 });
    expect(await refusal(alice.publish(CHANNEL, 1))).toMatchObject({ code: 'forbidden' });
  });

  it('without a user permits it to anonymous connections, and to no user', async () => {
    const gateway = await startWithoutPermissions();
    const token = await signToken({ channel: CHANNEL });
    expect(await (await gateway.connect()).subscribe(CHANNEL, { token })).toMatchObject({ channel: CHANNEL });
    const alice = await connectAs(gateway, { sub: 'alice' });
    expect(await refusal(alice.subscribe(CHANNEL, { token }))).toMatchObject({ code: 'forbidden' });
  });

  it.each<[string, object, string]>([
    ['of another channel', { sub: 'alice', channel: 'secret:other' }, 'forbidden'],
    ['of a pattern', { sub: 'alice', channel: 'secret:*' }, 'forbidden'],
    ['of another user', { sub: 'bob', channel: CHANNEL }, 'forbidden'],
    ['without a user', { channel: CHANNEL }, 'forbidden'],
    ['that has expired', { sub: 'alice', channel: CHANNEL, exp: 1 }, 'unauthorized'],
    ['that names no channel', { sub: 'alice', channels: [CHANNEL] }, 'unauthorized'],
  ])('%s is refused', async (_what, claims, code) => {
    const gateway = await startWithoutPermissions();
    const alice = await connectAs(gateway, { sub: 'alice' });
    const token = await signToken({ ...claims });
    expect(await refusal(alice.subscribe(CHANNEL, { token }))).toMatchObject({ code });
    expect(await refusal(alice.request('unsubscribe', { channel: CHANNEL }))).toMatchObject({ code: 'not_subscribed' });
  });

  it('that is invalid is refused, and the connection continues', async () => {
    const gateway = await startWithoutPermissions();
    const alice = await connectAs(gateway, { sub: 'alice' });
    expect(await refusal(alice.subscribe(CHANNEL, { token: 'nonsense' }))).toMatchObject({ code: 'unauthorized' });
    expect(await alice.request('ping', undefined)).toEqual({});
  });

  it("does not permit another user's own channel", async () => {
    const gateway = await startWithoutPermissions();
    const alice = await connectAs(gateway, { sub: 'alice' });
    const token = await signToken({ sub: 'alice', channel: '@bob' });
    expect(await refusal(alice.subscribe('@bob', { token }))).toMatchObject({ code: 'forbidden' });
  });

  it('cannot be used to connect', async () => {
    const gateway = await startWithoutPermissions();
    const token = await signToken({ sub: 'alice', channel: CHANNEL });
    const url = `${gateway.webSocketUrl}?access_token=${token}`;
    expect(await new TestClient(new WebSocket(url, [SUBPROTOCOL])).closed).toMatchObject({ code: 4001 });
  });

  it('that expires ends its subscription within a second, and a new one resumes it', async () => {
    const gateway = await startWithoutPermissions();
    const alice = await connectAs(gateway, { sub: 'alice', channels: ['news:*'] });
    await alice.subscribe('news:today');
    const exp = secondsFromNow(1);
    const { epoch, offset } = await alice.subscribe(CHANNEL, {
      token: await signToken({ sub: 'alice', channel: CHANNEL, exp }),
    });
    expect(await dataOf(alice, 'unsubscribed')).toEqual({ channel: CHANNEL, code: 'token_expired' });
    const late = Date.now() / 1_000 - exp;
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThan(1);
    await expectSilence(gateway, alice);
    expect(await refusal(alice.subscribe('news:today'))).toMatchObject({ code: 'already_subscribed' });
    const token = await signToken({ sub: 'alice', channel: CHANNEL, exp: secondsFromNow(60) });
    expect(await alice.subscribe(CHANNEL, { token, since: { epoch, offset } })).toMatchObject({
      recovered: true,
      replay: 1,
    });
  });

  it("does not expire when the pod's clock is ahead for a moment, and the connection stays open", async () => {
    const gateway = await startWithoutPermissions();
    const alice = await connectAs(gateway, { sub: 'alice', exp: secondsFromNow(600) });
    for (const [channel, seconds] of [
      [CHANNEL, 600],
      ['secret:short', 1],
    ] as const) {
      await alice.subscribe(channel, {
        token: await signToken({ sub: 'alice', channel, exp: secondsFromNow(seconds) }),
      });
    }
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 7_200_000 });
    try {
      expect(await dataOf(alice, 'unsubscribed')).toEqual({ channel: 'secret:short', code: 'token_expired' });
      expect(await alice.request('history', { channel: CHANNEL })).toMatchObject({ publications: [] });
    } finally {
      vi.useRealTimers();
    }
    expect(alice.of('unsubscribed')).toHaveLength(1);
  });

  it('that is not needed ends nothing when it expires', async () => {
    const gateway = await startWithoutPermissions();
    const alice = await connectAs(gateway, { sub: 'alice', channels: [CHANNEL] });
    await alice.subscribe(CHANNEL, { token: await signToken({ sub: 'alice', channel: CHANNEL, exp: 1 }) });
    const begun = Date.now();
    await vi.waitFor(() => expect(Date.now() - begun).toBeGreaterThan(700));
    await alice.request('ping', undefined);
    expect(alice.of('unsubscribed')).toEqual([]);
  });
});
