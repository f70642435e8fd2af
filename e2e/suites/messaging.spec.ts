import { Holdfast, type Member, type Message } from '@holdfast/client';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { Cluster } from '../support/cluster.js';
import { Namespace } from '../support/namespace.js';
import { Scene } from '../support/scene.js';

let namespace: Namespace;
let scene: Scene;

beforeAll(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'messaging');
  scene = await Scene.install(namespace, { config: { namespaceDefaults: { presence: true } } });
});

afterAll(() => namespace?.remove());

beforeEach(() => namespace.collectOnFailure());

interface Connected {
  readonly client: Holdfast;
  readonly node: string;
}

function token(user: string): Promise<string> {
  return new SignJWT({ sub: user, channels: ['room:*'], publish: ['room:*'] })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('10 minutes')
    .sign(new TextEncoder().encode(scene.jwtSecret));
}

async function connect(user: string): Promise<Connected> {
  const client = new Holdfast(scene.webSocketUrl, { token: () => token(user), WebSocket });
  onTestFinished(() => client.close());
  const node = await new Promise<string>((resolve) => {
    client.on('state', ({ welcome }) => {
      if (welcome !== undefined) resolve(welcome.node);
    });
  });
  return { client, node };
}

/** Clients of the users, each on a different pod. */
async function connectApart<const Users extends readonly string[]>(
  ...users: Users
): Promise<{ [Index in keyof Users]: Connected }> {
  const connected: Connected[] = [];
  for (const user of users) {
    for (;;) {
      const next = await connect(user);
      if (connected.every(({ node }) => node !== next.node)) {
        connected.push(next);
        break;
      }
      await next.client.close();
    }
  }
  return connected as { [Index in keyof Users]: Connected };
}

/** What a client receives on a channel after subscribing. */
async function follow({ client }: Connected, channel: string): Promise<Message[]> {
  const received: Message[] = [];
  const { ready } = client.subscribe(channel, {
    message: (message) => received.push(message),
    gap: () => expect.unreachable('received a gap'),
  });
  await ready;
  return received;
}

async function call(path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${scene.apiUrl}/${path}`, {
    headers: { Authorization: `Bearer ${scene.apiKey}`, 'Content-Type': 'application/json' },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const userOf = ({ user }: Member): string => user ?? '';

const texts = (received: readonly Message[]): unknown[] => received.map(({ data }) => data);

describe('clients on different pods', () => {
  it('receive the messages of every pod, in order', async () => {
    const [ann, bob, cid] = await connectApart('ann', 'bob', 'cid');
    const receivers = await Promise.all([ann, bob, cid].map((one) => follow(one, 'room:order')));
    const published = Array.from({ length: 50 }, (_, index) => index);
    for (const number of published) await ann.client.publish('room:order', number);
    await vi.waitFor(() => {
      for (const received of receivers) expect(texts(received)).toEqual(published);
    });
    expect(new Set(receivers.map((received) => JSON.stringify(received))).size).toBe(1);
  });

  it('receive members, joins and leaves of all pods', async () => {
    const [ann, bob] = await connectApart('ann', 'bob');
    const events: string[] = [];
    const { ready } = ann.client.subscribe(
      'room:presence',
      {
        message: () => undefined,
        gap: () => undefined,
        members: ({ members, count }) => events.push(`${count}: ${members.map(userOf).join(' ')}`),
        join: (member) => events.push(`+ ${userOf(member)}`),
        leave: (member) => events.push(`- ${userOf(member)}`),
      },
      { presence: true },
    );
    await ready;
    await follow(bob, 'room:presence');
    await vi.waitFor(() => expect(events).toEqual(['1: ann', '+ bob']));
    expect(await bob.client.presence('room:presence')).toMatchObject({ count: 2 });
    await bob.client.close();
    await vi.waitFor(() => expect(events.at(-1)).toBe('- bob'), { timeout: 15_000 });
  });

  it("receive a direct message to their user, and no other user's", async () => {
    const [phone, laptop, other] = await connectApart('ann', 'ann', 'bob');
    const [onPhone, onLaptop, elsewhere] = await Promise.all([phone, laptop, other].map((one) => follow(one, '@me')));
    const { status } = await call('users/ann/publish', { data: 'for Ann' });
    expect(status).toBe(200);
    await vi.waitFor(() => expect([texts(onPhone ?? []), texts(onLaptop ?? [])]).toEqual([['for Ann'], ['for Ann']]));
    await call('users/bob/publish', { data: 'for Bob' });
    await vi.waitFor(() => expect(texts(elsewhere ?? [])).toEqual(['for Bob']));
    expect(texts(onPhone ?? [])).toEqual(['for Ann']);
  });

  it('are reached by the API of any pod, which publishes to all, lists a user everywhere, and disconnects it', async () => {
    const [first, second] = await connectApart('dora', 'dora');
    const receivers = await Promise.all([first, second].map((one) => follow(one, 'room:api')));
    const published = Array.from({ length: 30 }, (_, index) => `call ${index}`);
    for (const data of published) expect((await call('publish', { channel: 'room:api', data })).status).toBe(200);
    await vi.waitFor(() => {
      for (const received of receivers) expect(texts(received)).toEqual(published);
    });
    const { body } = await call('users/dora/connections');
    expect(new Set((body['connections'] as { node: string }[]).map(({ node }) => node))).toEqual(
      new Set([first.node, second.node]),
    );
    const closed = [first, second].map(
      ({ client }) =>
        new Promise((resolve) => {
          client.on('state', ({ state, reason }) => {
            if (state === 'closed') resolve(reason?.code);
          });
        }),
    );
    await call('users/dora/disconnect', {});
    expect(await Promise.all(closed)).toEqual([4009, 4009]);
  });
});
