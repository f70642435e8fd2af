import { describe, expect, it } from 'vitest';
import { ANONYMOUS, Permissions, type Identity } from '../src/auth/index.js';
import { connectAs, refusal } from './support/connect-as.js';
import { startGateway, testConfig } from './support/gateway.js';

const CHANNEL = 'room:1';

const ALICE: Identity = { user: 'alice', channels: [], publish: [] };
/** With a token that grants both, by a pattern. */
const GRANTED: Identity = { user: 'bob', channels: ['room:*'], publish: ['room:*'] };
/** A token may grant something without naming a user. */
const GRANTED_GUEST: Identity = { channels: ['room:*'], publish: ['room:*'] };

function permissions(namespace: object, name = 'room'): Permissions {
  return new Permissions(
    testConfig({ namespaceDefaults: { subscribe: 'granted', publish: 'granted' }, namespaces: { [name]: namespace } }),
  );
}

describe('permission to subscribe, by the rule of the namespace', () => {
  it.each<[rule: string, anonymous: boolean, user: boolean, granted: boolean, grantedGuest: boolean]>([
    ['granted', false, false, true, true],
    ['authenticated', false, true, true, true],
    ['anyone', true, true, true, true],
  ])('%s: anonymous %s, a user %s, a claim %s, a claim without a user %s', (rule, ...expected) => {
    const sut = permissions({ subscribe: rule });
    const identities = [ANONYMOUS, ALICE, GRANTED, GRANTED_GUEST];
    expect(identities.map((identity) => sut.maySubscribe(identity, CHANNEL))).toEqual(expected);
  });
});

describe('permission to publish, by the rule of the namespace', () => {
  it.each<[rule: string, subscribed: boolean, ...expected: boolean[]]>([
    ['granted', false, false, false, true, true],
    ['granted', true, false, false, true, true],
    ['subscribers', false, false, false, true, true],
    ['subscribers', true, true, true, true, true],
    ['authenticated', false, false, true, true, true],
    ['authenticated', true, false, true, true, true],
    ['anyone', false, true, true, true, true],
  ])(
    '%s, subscribed %s: anonymous %s, a user %s, a claim %s, a claim without a user %s',
    (rule, subscribed, ...expected) => {
      const sut = permissions({ publish: rule });
      const identities = [ANONYMOUS, ALICE, GRANTED, GRANTED_GUEST];
      expect(identities.map((identity) => sut.mayPublish(identity, CHANNEL, subscribed))).toEqual(expected);
    },
  );
});

it('a claim of one kind does not grant the other', () => {
  const sut = permissions({});
  expect(sut.mayPublish({ ...GRANTED, publish: [] }, CHANNEL, true)).toBe(false);
  expect(sut.maySubscribe({ ...GRANTED, channels: [] }, CHANNEL)).toBe(false);
});

describe("a user's own channel", () => {
  const EVERYTHING: Identity = { user: 'bob', channels: ['*', '@*', '@alice'], publish: ['*', '@*', '@alice'] };

  it('can only be read by its user, whatever rules and claims say', () => {
    const sut = permissions({ publish: 'granted' }, '@');
    expect(sut.maySubscribe(ALICE, '@alice')).toBe(true);
    for (const identity of [ANONYMOUS, EVERYTHING, { ...EVERYTHING, user: 'al' }, { ...EVERYTHING, user: 'ALICE' }]) {
      expect(sut.maySubscribe(identity, '@alice')).toBe(false);
      expect(sut.mayPublish(identity, '@alice', false)).toBe(false);
    }
    expect(sut.mayPublish(ALICE, '@alice', true)).toBe(false);
  });

  it('has one name: it cannot be used by another encoding of the id', () => {
    const sut = permissions({ publish: 'granted' }, '@');
    const slash: Identity = { user: 'a/b', channels: [], publish: [] };
    expect(sut.maySubscribe(slash, '@a%2Fb')).toBe(true);
    for (const channel of ['@a/b', '@a%2fb', '@%61%2Fb']) expect(sut.maySubscribe(slash, channel)).toBe(false);
  });

  it.each<[rule: string, anonymous: boolean, user: boolean]>([
    ['granted', false, false],
    ['subscribers', false, false],
    ['authenticated', false, true],
    ['anyone', true, true],
  ])('accepts direct messages if publish is %s: anonymous %s, a user %s', (rule, ...expected) => {
    const sut = permissions({ publish: rule }, '@');
    expect([ANONYMOUS, EVERYTHING].map((identity) => sut.mayPublish(identity, '@alice', false))).toEqual(expected);
  });
});

describe('in production', () => {
  it('everything that is not granted is forbidden, and the API may publish', async () => {
    const gateway = await startGateway({}, { NODE_ENV: 'production' });
    const guest = await gateway.connect();
    const alice = await connectAs(gateway, { sub: 'alice', channels: [CHANNEL] });
    for (const channel of [CHANNEL, 'anything', '@alice']) {
      expect(await refusal(guest.subscribe(channel))).toMatchObject({ code: 'forbidden' });
      expect(await refusal(guest.publish(channel, 1))).toMatchObject({ code: 'forbidden' });
      expect(await refusal(guest.request('history', { channel }))).toMatchObject({ code: 'forbidden' });
    }
    expect(await alice.subscribe(CHANNEL)).toMatchObject({ offset: 0 });
    expect(await alice.subscribe('@me')).toMatchObject({ channel: '@alice' });
    expect(await refusal(alice.publish(CHANNEL, 1))).toMatchObject({ code: 'forbidden' });
    expect(await refusal(alice.publish('@me', 1))).toMatchObject({ code: 'forbidden' });
  });
});

describe('in development', () => {
  it("everything is permitted, except reading other users' own channels", async () => {
    const gateway = await startGateway();
    const guest = await gateway.connect();
    expect(await guest.subscribe('anything')).toMatchObject({ offset: 0 });
    expect(await guest.publish('anything', 1)).toMatchObject({ offset: 1 });
    expect(await refusal(guest.subscribe('@alice'))).toMatchObject({ code: 'forbidden' });
  });
});

describe('the rule `subscribers`', () => {
  it('permits publishing only during a subscription', async () => {
    const gateway = await startGateway({ namespaces: { room: { publish: 'subscribers' } } });
    const guest = await gateway.connect();
    expect(await refusal(guest.publish(CHANNEL, 1))).toMatchObject({ code: 'forbidden' });
    await guest.subscribe(CHANNEL);
    expect(await guest.publish(CHANNEL, 1)).toMatchObject({ offset: 1 });
    await guest.request('unsubscribe', { channel: CHANNEL });
    expect(await refusal(guest.publish(CHANNEL, 1))).toMatchObject({ code: 'forbidden' });
  });
});
