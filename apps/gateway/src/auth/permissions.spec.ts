import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config/index.js';
import { ANONYMOUS, type Identity } from './identity.js';
import { Permissions } from './permissions.js';

const ANN: Identity = { user: 'ann', channels: [], publish: [] };

function permissions(file: object): Permissions {
  return new Permissions(loadConfig({ HOLDFAST_CONFIG: 'test.yaml' }, () => JSON.stringify(file)));
}

describe('permissions', () => {
  const sut = permissions({
    namespaces: {
      open: { subscribe: 'anyone', publish: 'anyone' },
      users: { subscribe: 'authenticated', publish: 'authenticated' },
      talk: { subscribe: 'authenticated', publish: 'subscribers' },
      '@': { publish: 'authenticated' },
    },
  });

  it.each<[string, Identity, boolean, boolean]>([
    ['open:x', ANONYMOUS, true, true],
    ['users:x', ANONYMOUS, false, false],
    ['users:x', ANN, true, true],
    ['talk:x', ANN, true, false],
    ['other:x', ANN, false, false],
    ['x', ANN, false, false],
    // By claim.
    ['other:x', { ...ANN, channels: ['other:*'] }, true, false],
    ['other:x', { ...ANN, publish: ['other:*'] }, false, true],
    ['other:x', { ...ANONYMOUS, channels: ['*'], publish: ['*'] }, true, true],
    // A user's own channel.
    ['@ann', ANN, true, true],
    ['@bob', ANN, false, true],
    ['@bob', { ...ANN, channels: ['*', '@bob'], publish: [] }, false, true],
    ['@ann', ANONYMOUS, false, false],
    ['@ann', { ...ANONYMOUS, channels: ['*'], publish: ['*', '@*'] }, false, false],
    ['@a%2Fb', { ...ANN, user: 'a/b' }, true, true],
    ['@a/b', { ...ANN, user: 'a/b' }, false, true],
  ])('%s, %j: subscribe %j, publish %j', (channel, identity, subscribe, publish) => {
    expect(sut.maySubscribe(identity, channel)).toBe(subscribe);
    expect(sut.mayPublish(identity, channel, false)).toBe(publish);
  });

  it('let subscribers publish if the namespace allows it', () => {
    expect(sut.mayPublish(ANONYMOUS, 'talk:x', true)).toBe(true);
    expect(sut.mayPublish(ANN, 'users:x', true)).toBe(true);
    expect(sut.mayPublish(ANN, 'other:x', true)).toBe(false);
  });

  it('deny everything that is not configured in production', () => {
    const bare = permissions({});
    expect(bare.maySubscribe(ANN, 'x')).toBe(false);
    expect(bare.mayPublish(ANN, 'x', true)).toBe(false);
    expect(bare.maySubscribe(ANN, '@ann')).toBe(true);
    expect(bare.mayPublish(ANN, '@bob', false)).toBe(false);
  });
});
