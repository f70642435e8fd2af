import { BROKER, type Broker } from '@holdfast/broadcast';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { BlockedUsers } from '../src/auth/index.js';
import { UsersService } from '../src/users/users.service.js';
import { connectAs, refusal } from './support/connect-as.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { startGatewaysOnOneBroker } from './support/gateways-on-one-broker.js';
import { TestClient } from './support/test-client.js';
import { signToken } from './support/tokens.js';

const CHANNEL = 'chat:lobby';

async function startTwo(file: object = {}): Promise<[TestGateway, TestGateway]> {
  const [here, there] = await startGatewaysOnOneBroker([{ HOLDFAST_NODE: 'here' }, { HOLDFAST_NODE: 'there' }], file);
  if (here === undefined || there === undefined) throw new Error('expected two gateways');
  return [here, there];
}

describe('UsersService.unsubscribe', () => {
  it("ends the user's subscriptions to the channel on every pod, and no others", async () => {
    const [here, there] = await startTwo();
    const alices = [await connectAs(here, { sub: 'alice' }), await connectAs(there, { sub: 'alice' })];
    const bob = await connectAs(here, { sub: 'bob' });
    for (const client of [...alices, bob])
      for (const channel of [CHANNEL, 'chat:other']) await client.subscribe(channel);
    await here.app.get(UsersService).unsubscribe('alice', CHANNEL);
    for (const alice of alices) {
      expect((await alice.next('unsubscribed')).data).toEqual({ channel: CHANNEL, code: 'kicked' });
    }
    await bob.publish(CHANNEL, 1);
    await bob.publish('chat:other', 2);
    for (const alice of alices) {
      await alice.messages('chat:other', 1);
      expect(alice.offsets(CHANNEL)).toEqual([]);
    }
    expect((await bob.messages(CHANNEL, 1)).length).toBe(1);
    expect((await bob.request('presence', { channel: CHANNEL })).count).toBe(1);
  });

  it('permits the user to subscribe again', async () => {
    const gateway = await startGateway();
    const alice = await connectAs(gateway, { sub: 'alice' });
    const { epoch, offset } = await alice.subscribe(CHANNEL);
    await gateway.app.get(UsersService).unsubscribe('alice', CHANNEL);
    await alice.next('unsubscribed');
    expect(await alice.subscribe(CHANNEL, { since: { epoch, offset } })).toMatchObject({ recovered: true });
  });

  it('does nothing without a subscription or for an unknown user', async () => {
    const gateway = await startGateway();
    const alice = await connectAs(gateway, { sub: 'alice' });
    await alice.subscribe(CHANNEL);
    await gateway.app.get(UsersService).unsubscribe('alice', 'chat:other');
    await gateway.app.get(UsersService).unsubscribe('nobody', CHANNEL);
    await alice.request('ping', undefined);
    expect(alice.of('unsubscribed')).toEqual([]);
  });
});

describe('UsersService.disconnect', () => {
  it("closes the user's connections on every pod with 4009, and no others", async () => {
    const [here, there] = await startTwo();
    const alices = [await connectAs(here, { sub: 'alice' }), await connectAs(there, { sub: 'alice' })];
    const others = [await connectAs(here, { sub: 'bob' }), await there.connect()];
    await there.app.get(UsersService).disconnect('alice', undefined);
    for (const alice of alices) expect(await alice.closed).toMatchObject({ code: 4009 });
    for (const other of others) expect(await other.request('ping', undefined)).toEqual({});
    expect((await connectAs(here, { sub: 'alice' })).welcome.user).toBe('alice');
  });

  it('refuses the user on every pod until the given time', async () => {
    const [here, there] = await startTwo();
    const until = Date.now() + 1_000;
    await here.app.get(UsersService).disconnect('alice', until);
    const token = await signToken({ sub: 'alice' });
    for (const { webSocketUrl } of [here, there]) {
      const refused = new TestClient(new WebSocket(`${webSocketUrl}?access_token=${token}`, ['holdfast.v1.json']));
      expect(await refused.closed).toMatchObject({ code: 4003 });
    }
    expect((await connectAs(here, { sub: 'bob' })).welcome.user).toBe('bob');
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThanOrEqual(until));
    expect((await connectAs(there, { sub: 'alice' })).welcome.user).toBe('alice');
  });

  it('also refuses a user who sends the token with `connect`', async () => {
    const gateway = await startGateway({}, { HOLDFAST_ANONYMOUS: 'false' });
    await gateway.app.get(UsersService).disconnect('alice', Date.now() + 60_000);
    const client = new TestClient(new WebSocket(gateway.webSocketUrl));
    await vi.waitFor(() => expect(client.webSocket.readyState).toBe(client.webSocket.OPEN));
    expect(await refusal(client.request('connect', { token: await signToken({ sub: 'alice' }) }))).toMatchObject({
      code: 'forbidden',
    });
    expect(await client.closed).toMatchObject({ code: 4003 });
  });
});

describe('a block that a pod has received', () => {
  it('refuses refresh and connect, and closes remaining connections with 4009', async () => {
    const gateway = await startGateway();
    const token = await signToken({ sub: 'alice' });
    const alice = await connectAs(gateway, { sub: 'alice' });
    const blocked = gateway.app.get(BlockedUsers);
    // As if it had arrived before her connections were closed.
    blocked.block('alice', Date.now() + 60_000, Date.now());
    expect(await refusal(alice.request('refresh', { token }))).toMatchObject({ code: 'forbidden' });
    expect(await alice.closed).toMatchObject({ code: 4009 });
  });

  it.each([
    [-1_000, 'must be in the future'],
    [31 * 86_400_000, 'at most 30 days'],
  ])("ends by the broker's clock: a time %i ms from now is refused", async (ms, message) => {
    const gateway = await startGateway();
    const until = gateway.app.get<Broker>(BROKER).now() + ms;
    expect(await refusal(gateway.app.get(UsersService).disconnect('alice', until))).toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(message),
    });
  });
});

describe('UsersService.connectionsOf', () => {
  it("lists the user's connections on every pod while they are open", async () => {
    const [here, there] = await startTwo();
    const sut = here.app.get(UsersService);
    const alices = [await connectAs(here, { sub: 'alice' }), await connectAs(there, { sub: 'alice' })];
    await connectAs(here, { sub: 'bob' });
    const list = async (): Promise<unknown[]> =>
      (await sut.connectionsOf('alice')).map(({ client, node, user }) => ({ client, node, user }));
    const [first, second] = alices.map(({ welcome }) => ({
      client: welcome.client,
      node: welcome.node,
      user: 'alice',
    }));
    expect(await list()).toEqual([first, second]);
    expect((await sut.connectionsOf('alice'))[0]?.since).toBeGreaterThan(Date.now() - 60_000);
    await alices[0]?.close();
    await vi.waitFor(async () => expect(await list()).toEqual([second]));
    alices[1]?.webSocket.terminate();
    await vi.waitFor(async () => expect(await list()).toEqual([]));
  });

  it('lists a session once, on its latest pod', async () => {
    const [here, there] = await startTwo();
    const sut = here.app.get(UsersService);
    const first = await connectAs(here, { sub: 'alice' });
    await connectAs(there, { sub: 'alice' }, first.welcome.session);
    await first.close();
    const connections = await sut.connectionsOf('alice');
    expect(connections).toMatchObject([{ client: first.welcome.client, node: 'there' }]);
  });

  it('does not list connections without a user', async () => {
    const gateway = await startGateway();
    await gateway.connect();
    expect(await gateway.app.get(UsersService).connectionsOf('alice')).toEqual([]);
  });
});
