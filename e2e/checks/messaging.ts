import { Holdfast, type Member, type Message } from '@holdfast/client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { Scene } from '../support/scene.js';

/** The values of a release whose messaging is checked. */
export const MESSAGING_VALUES = { config: { namespaceDefaults: { presence: true } } };

interface Connected {
  readonly client: Holdfast;
  readonly node: string;
}

function token(scene: Scene, user: string): Promise<string> {
  return scene.token(user, { channels: ['room:*'], publish: ['room:*'] });
}

async function connect(scene: Scene, user: string): Promise<Connected> {
  const client = new Holdfast(scene.webSocketUrl, { token: () => token(scene, user), WebSocket });
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
  scene: Scene,
  ...users: Users
): Promise<{ [Index in keyof Users]: Connected }> {
  const connected: Connected[] = [];
  for (const user of users) {
    for (;;) {
      const next = await connect(scene, user);
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

async function call(
  scene: Scene,
  path: string,
  body?: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${scene.apiUrl}/${path}`, {
    headers: { Authorization: `Bearer ${scene.apiKey}`, 'Content-Type': 'application/json' },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const userOf = ({ user }: Member): string => user ?? '';

const texts = (received: readonly Message[]): unknown[] => received.map(({ data }) => data);

/** Checks messages, members and the API between clients on different pods. */
export function describeMessaging(scene: () => Scene): void {
  describe('clients on different pods', () => {
    it('receive the messages of every pod, in order', async () => {
      const [ann, bob, cid] = await connectApart(scene(), 'ann', 'bob', 'cid');
      const receivers = await Promise.all([ann, bob, cid].map((one) => follow(one, 'room:order')));
      const published = Array.from({ length: 50 }, (_, index) => index);
      for (const number of published) await ann.client.publish('room:order', number);
      await vi.waitFor(() => {
        for (const received of receivers) expect(texts(received)).toEqual(published);
      });
      expect(new Set(receivers.map((received) => JSON.stringify(received))).size).toBe(1);
    });

    it('receive members, joins and leaves of all pods', async () => {
      const [ann, bob] = await connectApart(scene(), 'ann', 'bob');
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
      const [phone, laptop, other] = await connectApart(scene(), 'ann', 'ann', 'bob');
      const [onPhone, onLaptop, elsewhere] = await Promise.all([phone, laptop, other].map((one) => follow(one, '@me')));
      const { status } = await call(scene(), 'users/ann/publish', { data: 'for Ann' });
      expect(status).toBe(200);
      await vi.waitFor(() => expect([texts(onPhone ?? []), texts(onLaptop ?? [])]).toEqual([['for Ann'], ['for Ann']]));
      await call(scene(), 'users/bob/publish', { data: 'for Bob' });
      await vi.waitFor(() => expect(texts(elsewhere ?? [])).toEqual(['for Bob']));
      expect(texts(onPhone ?? [])).toEqual(['for Ann']);
    });

    it('are reached by the API of any pod, which publishes to all, lists a user everywhere, and disconnects it', async () => {
      const [first, second] = await connectApart(scene(), 'dora', 'dora');
      const receivers = await Promise.all([first, second].map((one) => follow(one, 'room:api')));
      const published = Array.from({ length: 30 }, (_, index) => `call ${index}`);
      for (const data of published)
        expect((await call(scene(), 'publish', { channel: 'room:api', data })).status).toBe(200);
      await vi.waitFor(() => {
        for (const received of receivers) expect(texts(received)).toEqual(published);
      });
      const { body } = await call(scene(), 'users/dora/connections');
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
      await call(scene(), 'users/dora/disconnect', {});
      expect(await Promise.all(closed)).toEqual([4009, 4009]);
    });
  });
}
