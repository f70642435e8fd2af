import { CLOSE, SUBPROTOCOL } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { refusal } from './support/connect-as.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { TestClient } from './support/test-client.js';
import { signToken } from './support/tokens.js';

describe('connect on an anonymous connection', () => {
  it("continues it as the user's, with its subscriptions", async () => {
    const gateway = await startGateway({ namespaceDefaults: { presence: true } });
    const watcher = await gateway.connect();
    await watcher.request('subscribe', { channel: 'chat:room', presence: true });
    const sut = await gateway.connect();
    await sut.request('subscribe', { channel: 'chat:room', presence: true });
    const anonymous = sut.welcome.client;
    const welcome = await sut.request('connect', { token: await signToken({ sub: 'ann' }) });

    expect(welcome).toMatchObject({ user: 'ann', session: sut.welcome.session });
    expect(welcome.client).not.toBe(anonymous);
    await vi.waitFor(async () => {
      const { members } = await watcher.request('presence', { channel: 'chat:room' });
      expect(members.map(({ client }) => client).toSorted()).toEqual(
        [watcher.welcome.client, welcome.client].toSorted(),
      );
    });
    await watcher.request('publish', { channel: 'chat:room', data: 'for ann as well' });
    await vi.waitFor(() => expect(sut.of('message')).toHaveLength(1));
    await sut.request('publish', { channel: 'chat:room', data: 'by ann' });
    await vi.waitFor(() => expect(watcher.of('message')[1]?.data).toMatchObject({ sender: { user: 'ann' } }));
    expect(await refusal(sut.request('connect', { token: await signToken({ sub: 'bob' }) }))).toMatchObject({
      code: 'already_connected',
    });
  });

  it('stays anonymous if the token is refused', async () => {
    const gateway = await startGateway();
    const sut = await gateway.connect();
    expect(await refusal(sut.request('connect', { token: 'not a token' }))).toMatchObject({ code: 'unauthorized' });
    await sut.request('publish', { channel: 'chat:room', data: 'still here' });
    expect(sut.welcome.user).toBeUndefined();
  });
});

/** Opens a WebSocket without a welcome. */
async function open({ webSocketUrl }: TestGateway, options = {}): Promise<TestClient> {
  const client = new TestClient(new WebSocket(webSocketUrl, [SUBPROTOCOL, 'connect'], options));
  await vi.waitFor(() => expect(client.webSocket.readyState).toBe(WebSocket.OPEN));
  return client;
}

describe('a client that offers connect', () => {
  it.each([
    ['nothing else', {}],
    ['a foreign Authorization header', { headers: { authorization: 'Bearer of-a-mesh' } }],
  ])('is nobody before it sends its token, with %s', async (_, options) => {
    const sut = await open(await startGateway(), options);
    expect(await refusal(sut.request('subscribe', { channel: 'chat:room' }))).toMatchObject({ code: 'not_connected' });
    expect(await sut.request('connect', { token: await signToken({ sub: 'ann' }) })).toMatchObject({ user: 'ann' });
    expect(sut.of('welcome')).toEqual([]);
    await sut.close();
  });

  it('is closed with 4001 if the token is refused', async () => {
    const sut = await open(await startGateway());
    expect(await refusal(sut.request('connect', { token: '<html>' }))).toMatchObject({ code: 'unauthorized' });
    expect(await sut.closed).toMatchObject({ code: CLOSE.unauthorized.code });
  });
});

describe('rate_limited', () => {
  it('states the pace that the limit permits', async () => {
    const sut = await (await startGateway({ limits: { publishes: { burst: 1, perSecond: 50 } } })).connect();
    const all = [1, 2, 3].map((data) => sut.request('publish', { channel: 'chat:room', data }));
    const refused = await Promise.allSettled(all);
    expect(refused.at(-1)).toMatchObject({ reason: { code: 'rate_limited', interval: 20 } });
  });
});
