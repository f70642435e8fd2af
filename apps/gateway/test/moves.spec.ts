import { describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { MOVE_WITHIN_MS, type Connection } from '../src/connection/connection.js';
import { Connections } from '../src/connection/connections.js';
import { Moves } from '../src/sessions/moves.js';
import { tick, TICK_MS } from '../src/limits/ticks.js';
import { UsersService } from '../src/users/users.service.js';
import { Backend } from './support/backend.js';
import { connectAs } from './support/connect-as.js';
import type { TestGateway } from './support/gateway.js';
import { startGatewaysOnOneBroker } from './support/gateways-on-one-broker.js';
import { TestClient } from './support/test-client.js';
import { signToken } from './support/tokens.js';

const CHANNEL = 'room:1';
const GRACE_MS = 100;
const WAIT = { timeout: 10_000, interval: 10 };

/** Two pods that report clients to a backend without delay. */
async function startTwo(backend: Backend): Promise<[TestGateway, TestGateway]> {
  const env = { HOLDFAST_WEBHOOK_SECRET: backend.secrets.join(), HOLDFAST_EVENTS_URL: backend.url };
  const types = ['client.connected', 'client.disconnected'];
  const file = {
    presence: { grace: GRACE_MS / 1_000 },
    namespaceDefaults: { presence: true, subscribe: 'anyone', publish: 'anyone' },
    webhooks: { events: { maxDelay: 0, types } },
  };
  const [here, there] = await startGatewaysOnOneBroker([env, env], file);
  if (here === undefined || there === undefined) throw new Error('expected two gateways');
  return [here, there];
}

/** The events of a client that the backend received, in order. */
function eventsOf({ requests }: Backend, client: string): string[] {
  return requests
    .flatMap(({ data }) => data['events'] as { type: string; data: { client: string } }[])
    .filter(({ data }) => data.client === client)
    .map(({ type }) => type);
}

async function connect(gateway: TestGateway, user: string | undefined, session?: string): Promise<TestClient> {
  if (user !== undefined) return connectAs(gateway, { sub: user }, session);
  return gateway.connect(session === undefined ? '' : `?session=${session}`);
}

async function membersSeenBy(observer: TestClient): Promise<string[]> {
  const { members } = await observer.request('presence', { channel: CHANNEL });
  return members.map(({ client }) => client);
}

/** Checks a pod's connections as if the time limit of every move had passed. */
function expireMoves({ app }: TestGateway): void {
  const then = tick() + Math.ceil(MOVE_WITHIN_MS / TICK_MS) + 1;
  for (const connection of app.get(Connections).all()) connection.check(then, then);
}

/** Waits until a pod knows, or no longer knows, a newer connection of the client. */
async function untilReplaced({ app }: TestGateway, { welcome }: TestClient, expected: boolean): Promise<void> {
  await vi.waitFor(() => {
    const connections = app.get(Connections).all();
    const own = connections.find(
      ({ client, since }) => client === welcome.client && since === oldestOf(connections, client),
    );
    expect(own?.replacedBy !== undefined).toBe(expected);
  }, WAIT);
}

function oldestOf(connections: readonly Connection[], of: string): number {
  return Math.min(...connections.filter(({ client }) => client === of).map(({ since }) => since));
}

/** Longer than the grace time. */
async function untilGraceIsOver(): Promise<void> {
  const over = performance.now() + 3 * GRACE_MS;
  await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(over), WAIT);
}

const PODS = ['on one pod', 'on two pods'] as const;
const USERS = [
  ['a user', 'ann'],
  ['an anonymous client', undefined],
] as const;

describe.each(PODS)('two connections of one session %s', (pods) => {
  describe.each(USERS)('of %s', (_who, user) => {
    it.each([
      ['breaks', (client: TestClient) => client.webSocket.terminate()],
      ['closes for good', (client: TestClient) => client.webSocket.close(1000)],
    ])('the older one takes over again when the newer one %s', async (_how, end) => {
      const backend = await Backend.start();
      const [here, there] = await startTwo(backend);
      const observer = await connectAs(here, { sub: 'observer' });
      await observer.subscribe(CHANNEL, { presence: true });
      const older = await connect(here, user);
      const { client, session } = older.welcome;
      await older.subscribe(CHANNEL);
      const newer = await connect(pods === 'on one pod' ? here : there, user, session);
      expect(newer.welcome.client).toBe(client);
      await newer.subscribe(CHANNEL);
      await untilReplaced(here, older, true);
      end(newer);
      await newer.closed;
      await untilReplaced(here, older, false);
      // The client is visible to other members, the API and the backend.
      const settled = async (): Promise<void> => {
        expect(await membersSeenBy(observer)).toContain(client);
        if (user !== undefined) {
          const connections = await here.app.get(UsersService).connectionsOf(user);
          expect(connections).toMatchObject([{ client, holder: expect.any(String) }]);
        }
        expect(eventsOf(backend, client).at(-1)).toBe('client.connected');
      };
      await vi.waitFor(settled, WAIT);
      // This does not change when the grace time of the newer one has passed.
      await observer.publish(CHANNEL, 'hello');
      await older.messages(CHANNEL, 1);
      await untilGraceIsOver();
      await settled();
      expireMoves(here);
      expect(await older.request('ping', undefined)).toEqual({});
      const seen = observer.frames
        .filter(({ event }) => event === 'join' || event === 'leave')
        .map(({ event }) => event);
      if (pods === 'on one pod') expect(seen).toEqual(['join']);
      else expect(seen.at(-1)).toBe('join');

      // The client leaves when its last connection does.
      older.webSocket.close(1000);
      await vi.waitFor(async () => {
        expect(await membersSeenBy(observer)).not.toContain(client);
        if (user !== undefined) expect(await here.app.get(UsersService).connectionsOf(user)).toEqual([]);
        expect(eventsOf(backend, client).at(-1)).toBe('client.disconnected');
      }, WAIT);
    });

    it('nothing is visible to others if the older one closes first, as in every move', async () => {
      const backend = await Backend.start();
      const [here, there] = await startTwo(backend);
      const observer = await connectAs(here, { sub: 'observer' });
      await observer.subscribe(CHANNEL, { presence: true });
      const older = await connect(here, user);
      const { client, session } = older.welcome;
      await older.subscribe(CHANNEL);
      const newer = await connect(pods === 'on one pod' ? here : there, user, session);
      await newer.subscribe(CHANNEL);
      await older.close();
      await untilGraceIsOver();
      expect(await membersSeenBy(observer)).toContain(client);
      expect(eventsOf(backend, client)).toEqual(['client.connected']);
      expect(observer.frames.filter(({ event }) => event === 'join' || event === 'leave')).toHaveLength(1);
      await newer.close();
      await vi.waitFor(
        () => expect(eventsOf(backend, client)).toEqual(['client.connected', 'client.disconnected']),
        WAIT,
      );
      expect(await membersSeenBy(observer)).not.toContain(client);
    });

    it('last only for a limited time: the older one is closed as replaced', async () => {
      const backend = await Backend.start();
      const [here, there] = await startTwo(backend);
      const older = await connect(here, user);
      const newer = await connect(pods === 'on one pod' ? here : there, user, older.welcome.session);
      await newer.subscribe(CHANNEL);
      await untilReplaced(here, older, true);
      expect(await older.request('ping', undefined)).toEqual({});
      for (const gateway of [here, there]) expireMoves(gateway);
      expect(await older.closed).toMatchObject({ code: 4010 });
      expect(await newer.request('presence', { channel: CHANNEL })).toMatchObject({ count: 1 });
      expect(eventsOf(backend, older.welcome.client)).toEqual(['client.connected']);
    });
  });

  it('the client remains a member if the newer one only unsubscribes', async () => {
    const [here, there] = await startTwo(await Backend.start());
    const observer = await connectAs(here, { sub: 'observer' });
    await observer.subscribe(CHANNEL, { presence: true });
    const older = await connect(here, 'ann');
    await older.subscribe(CHANNEL);
    const newer = await connect(pods === 'on one pod' ? here : there, 'ann', older.welcome.session);
    await newer.subscribe(CHANNEL);
    await untilReplaced(here, older, true);
    await newer.request('unsubscribe', { channel: CHANNEL });
    await vi.waitFor(async () => expect(await membersSeenBy(observer)).toContain(older.welcome.client), WAIT);
    await older.request('unsubscribe', { channel: CHANNEL });
    await vi.waitFor(async () => expect(await membersSeenBy(observer)).not.toContain(older.welcome.client), WAIT);
  });
});

describe('a newer connection on another pod', () => {
  it('that was opened and closed unnoticed leaves the client to the older one', async () => {
    const backend = await Backend.start();
    const [here, there] = await startTwo(backend);
    const older = await connectAs(here, { sub: 'ann' });
    const { client, session } = older.welcome;
    await older.subscribe(CHANNEL);
    const newer = await connectAs(there, { sub: 'ann' }, session);
    await newer.subscribe(CHANNEL);
    await newer.close();
    await vi.waitFor(async () => {
      expect(await membersSeenBy(older)).toEqual([client]);
      expect(await there.app.get(UsersService).connectionsOf('ann')).toMatchObject([{ client }]);
      expect(eventsOf(backend, client)).toEqual(['client.connected', 'client.disconnected', 'client.connected']);
    }, WAIT);
  });

  it('is detected after an outage without announcements', async () => {
    const [here, there] = await startTwo(await Backend.start());
    const older = await connectAs(here, { sub: 'ann' });
    const newer = await connectAs(there, { sub: 'ann' }, older.welcome.session);
    const connections = here.app.get(Connections);
    await untilReplaced(here, older, true);
    // As if its announcement had been lost.
    for (const connection of connections.all()) connections.keep(connection);
    await here.app.get(Moves).announceAll();
    await untilReplaced(here, older, true);
    expect(await newer.request('ping', undefined)).toEqual({});
    expect(await there.app.get(UsersService).connectionsOf('ann')).toMatchObject([
      { holder: there.app.get(Connections).all()[0]?.id },
    ]);
  });
});

describe('one session of two users', () => {
  it('has two clients: one leaves and the other joins', async () => {
    const backend = await Backend.start();
    const [here] = await startTwo(backend);
    const observer = await connectAs(here, { sub: 'observer' });
    await observer.subscribe(CHANNEL, { presence: true });
    const ann = await connectAs(here, { sub: 'ann' });
    await ann.subscribe(CHANNEL);
    await ann.close(1001);
    const bob = await connectAs(here, { sub: 'bob' }, ann.welcome.session);
    await bob.subscribe(CHANNEL);
    const { client } = bob.welcome;
    expect(client).not.toBe(ann.welcome.client);
    expect(bob.welcome.session).toBe(ann.welcome.session);
    await vi.waitFor(
      async () => expect(await membersSeenBy(observer)).toEqual([observer.welcome.client, client]),
      WAIT,
    );
    const changes = observer.frames
      .filter(({ event }) => event === 'join' || event === 'leave')
      .map(({ event, data }) => `${event} ${(data['member'] as { user: string }).user}`);
    expect(changes.toSorted()).toEqual(['join ann', 'join bob', 'leave ann']);
    await vi.waitFor(
      () => expect(eventsOf(backend, ann.welcome.client)).toEqual(['client.connected', 'client.disconnected']),
      WAIT,
    );
  });

  it('has two clients even if the token is sent by `connect`', async () => {
    const [here] = await startGatewaysOnOneBroker([{ HOLDFAST_ANONYMOUS: 'false' }]);
    if (here === undefined) throw new Error('expected a gateway');
    const ann = await connectAs(here, { sub: 'ann' });
    const { session } = ann.welcome;
    const clients = new Map([['ann', ann.welcome.client]]);
    for (const sub of ['bob', 'ann']) {
      const webSocket = new WebSocket(here.webSocketUrl);
      const client = new TestClient(webSocket);
      await vi.waitFor(() => expect(webSocket.readyState).toBe(WebSocket.OPEN));
      const welcome = await client.request('connect', { token: await signToken({ sub }), session });
      expect(welcome.client === clients.get('ann'), sub).toBe(sub === 'ann');
      webSocket.terminate();
    }
  });

  it('ends the connection of the previous user after a while', async () => {
    const [here] = await startTwo(await Backend.start());
    const ann = await connectAs(here, { sub: 'ann' });
    const bob = await connectAs(here, { sub: 'bob' }, ann.welcome.session);
    expect(await here.app.get(UsersService).connectionsOf('ann')).toHaveLength(1);
    expireMoves(here);
    expect(await ann.closed).toMatchObject({ code: 4010 });
    expect(await bob.request('ping', undefined)).toEqual({});
    await vi.waitFor(async () => expect(await here.app.get(UsersService).connectionsOf('ann')).toEqual([]), WAIT);
  });
});

describe('an unauthenticated connection', () => {
  it('does not replace another one, even if it presents its session', async () => {
    const [here] = await startGatewaysOnOneBroker([{ HOLDFAST_ANONYMOUS: 'false' }]);
    if (here === undefined) throw new Error('expected a gateway');
    const ann = await connectAs(here, { sub: 'ann' });
    const silent = new TestClient(new WebSocket(`${here.webSocketUrl}?session=${ann.welcome.session}`));
    await vi.waitFor(() => expect(silent.webSocket.readyState).toBe(WebSocket.OPEN));
    expireMoves(here);
    expect(await ann.request('ping', undefined)).toEqual({});
  });
});

describe('a session with a third connection', () => {
  it('closes the oldest one at once, with a code after which the client does not reuse the session', async () => {
    const [here] = await startTwo(await Backend.start());
    const oldest = await connectAs(here, { sub: 'ann' });
    const { session } = oldest.welcome;
    const others = [await connectAs(here, { sub: 'ann' }, session), await connectAs(here, { sub: 'ann' }, session)];
    expect(await oldest.closed).toMatchObject({ code: 4010 });
    for (const other of others) expect(await other.request('ping', undefined)).toEqual({});
  });
});
