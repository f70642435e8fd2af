import type { JWTPayload } from 'jose';
import { describe, expect, it } from 'vitest';
import { Backend } from './support/backend.js';
import { connectAs } from './support/connect-as.js';
import { API_KEY, startGateway, type TestGateway } from './support/gateway.js';
import type { TestClient } from './support/test-client.js';
import { signToken } from './support/tokens.js';

/** The roles of a client; the webhook permits everything to `asked` and nothing to others. */
const ROLES = {
  guest: undefined,
  user: { sub: 'user' },
  reader: { sub: 'reader', channels: ['room:*'] },
  writer: { sub: 'writer', publish: ['room:*'] },
  // With a subscription token for the channel in each subscribe.
  holder: { sub: 'holder' },
  asked: { sub: 'asked' },
  // With claims for another namespace.
  elsewhere: { sub: 'elsewhere', channels: ['other:*'], publish: ['other:*'] },
} as const satisfies Record<string, JWTPayload | undefined>;

type Role = keyof typeof ROLES;
const NAMES = Object.keys(ROLES) as Role[];

/** A gateway with this rule for `room`, whose webhook permits everything to the user `asked`. */
async function start(rule: object): Promise<TestGateway> {
  const backend = await Backend.start(({ data }) => ({ allow: data['user'] === 'asked' }));
  return startGateway(
    {
      namespaceDefaults: { subscribe: 'granted', publish: 'granted' },
      namespaces: { room: rule, '@': 'publish' in rule ? { publish: rule.publish } : {} },
      webhooks: { authorization: { actions: ['subscribe', 'publish'] } },
    },
    backend.env,
  );
}

function connect(gateway: TestGateway, role: Role): Promise<TestClient> {
  const claims = ROLES[role];
  return claims === undefined ? gateway.connect() : connectAs(gateway, claims);
}

async function subscribe(client: TestClient, role: Role, channel: string): Promise<unknown> {
  const token = role === 'holder' ? await signToken({ sub: 'holder', channel }) : undefined;
  return client.subscribe(channel, { token });
}

/** `+` if it succeeds, `-` if it is forbidden; any other outcome fails the test. */
async function mark(done: Promise<unknown>): Promise<string> {
  return done.then(
    () => '+',
    (error: { code?: string }) => {
      expect(error).toMatchObject({ code: 'forbidden' });
      return '-';
    },
  );
}

type Action = (client: TestClient, role: Role) => Promise<unknown>;

/** What each role may do, in the order of roles, each on its own connection. */
async function row(gateway: TestGateway, action: Action, roles: readonly Role[] = NAMES): Promise<string> {
  const marks: string[] = [];
  for (const role of roles) {
    const client = await connect(gateway, role);
    marks.push(await mark(action(client, role)));
  }
  return marks.join(' ');
}

const subscribeTo =
  (channel: string): Action =>
  (client, role) =>
    subscribe(client, role, channel);
const publishTo =
  (channel: string): Action =>
  (client) =>
    client.publish(channel, 1);
const publishAsSubscriber: Action = async (client, role) => {
  await subscribe(client, role, 'room:1');
  return client.publish('room:1', 1);
};
const readHistory: Action = (client) => client.request('history', { channel: 'room:1' });
const readPresence: Action = (client) => client.request('presence', { channel: 'room:1' });

describe('permissions by the rule of the namespace', () => {
  //                   guest user reader writer holder asked elsewhere
  it.each([
    ['granted', '      - - + - + + -', '- - + - - + -'],
    ['authenticated', '- + + + + + +', '- + + + + + +'],
    ['anyone', '       + + + + + + +', '+ + + + + + +'],
  ])('subscribe: %s', async (rule, subscribed, read) => {
    const gateway = await start({ subscribe: rule });
    expect(await row(gateway, subscribeTo('room:1'))).toBe(subscribed.trim());
    expect(await row(gateway, readHistory)).toBe(read);
    expect(await row(gateway, readPresence)).toBe(read);
    // A subscriber may read, whatever permitted the subscription.
    const holder = await connect(gateway, 'holder');
    await subscribe(holder, 'holder', 'room:1');
    for (const action of [readHistory, readPresence]) expect(await mark(action(holder, 'holder'))).toBe('+');
  });

  //                   guest user reader writer holder asked elsewhere
  it.each([
    ['granted', '      - - - + - + -', '- - - + - + -'],
    ['subscribers', '  - - - + - + -', '+ + + + + + +'],
    ['authenticated', '- + + + + + +', '- + + + + + +'],
    ['anyone', '       + + + + + + +', '+ + + + + + +'],
  ])('publish: %s, without and with a subscription', async (rule, without, withOne) => {
    const gateway = await start({ publish: rule, subscribe: 'anyone' });
    expect(await row(gateway, publishTo('room:1'))).toBe(without.trim());
    expect(await row(gateway, publishAsSubscriber)).toBe(withOne);
  });

  //                   guest user reader writer holder asked elsewhere
  it.each([
    ['granted', '      - - - - - + -'],
    ['subscribers', '  - - - - - + -'],
    ['authenticated', '- + + + + + +'],
    ['anyone', '       + + + + + + +'],
  ])("publish: %s, to another user's own channel, which others cannot read", async (rule, published) => {
    const gateway = await start({ publish: rule });
    expect(await row(gateway, publishTo('@somebody'))).toBe(published.trim());
    const noRole = NAMES.map(() => '-').join(' ');
    expect(await row(gateway, subscribeTo('@somebody'))).toBe(noRole);
    for (const event of ['history', 'presence'] as const) {
      expect(await row(gateway, (client) => client.request(event, { channel: '@somebody' }))).toBe(noRole);
    }
    //                                             guest user reader writer holder asked elsewhere
    expect(await row(gateway, subscribeTo('@me'))).toBe('- + + + + + +');
  });

  it('channels in no namespace or in another one use the defaults', async () => {
    const gateway = await start({ subscribe: 'anyone', publish: 'anyone' });
    for (const channel of ['room', 'rooms:1', 'Room:1', 'x:room:1']) {
      //                                               guest user reader writer holder asked elsewhere
      expect(await row(gateway, subscribeTo(channel)), channel).toBe('- - - - + + -');
      expect(await row(gateway, publishTo(channel)), channel).toBe('- - - - - + -');
    }
  });
});

describe('the HTTP API', () => {
  it.each(['granted', 'anyone'])(
    'permits everything with a key and nothing without one, if the rule is %s',
    async (rule) => {
      const gateway = await start({ subscribe: rule, publish: rule });
      const status = async (path: string, headers: Record<string, string>, body?: object): Promise<number> => {
        const answer = await fetch(`${gateway.url}/api/${path}`, {
          headers: { ...headers, ...(body && { 'Content-Type': 'application/json' }) },
          ...(body && { method: 'POST', body: JSON.stringify(body) }),
        });
        await answer.text();
        return answer.status;
      };
      const all = async (headers: Record<string, string>): Promise<Set<number>> =>
        new Set([
          await status('publish', headers, { channel: 'room:1', data: 1 }),
          await status('publish', headers, { channel: '@somebody', data: 1 }),
          await status('channels', headers),
          await status('channels/room:1/history', headers),
          await status('channels/room:1/presence', headers),
          await status('users/user/publish', headers, { data: 1 }),
          await status('users/user/connections', headers),
          await status('users/user/disconnect', headers, {}),
        ]);
      const token = await signToken({ sub: 'user', channels: ['*'], publish: ['*'] });
      for (const headers of [{}, { 'X-API-Key': 'a-key-that-is-not-set' }, { Authorization: `Bearer ${token}` }]) {
        expect(await all(headers)).toEqual(new Set([401]));
      }
      for (const code of await all({ 'X-API-Key': API_KEY })) expect([200, 202, 204]).toContain(code);
    },
  );
});
