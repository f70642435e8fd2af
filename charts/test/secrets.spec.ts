import { describe, expect, it } from 'vitest';
import { fakeCluster } from './support/fake-cluster.ts';
import { refusal, render, type Manifests } from './support/helm.ts';

function decode(manifests: Manifests, name = 'test-holdfast'): Record<string, string> {
  const entries = Object.entries(manifests.get('Secret', name).data ?? {});
  return Object.fromEntries(entries.map(([key, text]) => [key, Buffer.from(text, 'base64').toString()]));
}

function encode(data: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
}

/** The template of the pods: if it changes, they restart. */
async function template(values: object): Promise<string> {
  return JSON.stringify((await render(values)).deployment.spec.template);
}

function broker(url: string): object {
  return { broker: { url } };
}

describe('secrets', () => {
  it('are generated, long enough for the gateway', async () => {
    const secrets = decode(await render());
    expect(secrets).toEqual({
      'jwt-secret': expect.stringMatching(/^[A-Za-z0-9]{48}$/),
      'api-keys': expect.stringMatching(/^[A-Za-z0-9]{48}$/),
    });
    expect(secrets['jwt-secret']).not.toBe(secrets['api-keys']);
  });

  it('contain the URL of the bundled Redis with its password', async () => {
    const { 'redis-password': password, 'broker-url': url } = decode(await render(), 'test-holdfast-redis');
    expect(password).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(url).toBe(`redis://:${password}@test-holdfast-redis:6379`);
  });

  it('are kept by an upgrade', async () => {
    const args = await fakeCluster([
      {
        kind: 'Secret',
        metadata: { name: 'test-holdfast' },
        data: encode({ 'jwt-secret': 'old', 'api-keys': 'old,rotated' }),
      },
      { kind: 'Secret', metadata: { name: 'test-holdfast-redis' }, data: encode({ 'redis-password': 'pw' }) },
    ] as never);
    const manifests = await render({}, { args });
    expect(decode(manifests)).toEqual({ 'jwt-secret': 'old', 'api-keys': 'old,rotated' });
    expect(decode(manifests, 'test-holdfast-redis')).toEqual({
      'redis-password': 'pw',
      'broker-url': 'redis://:pw@test-holdfast-redis:6379',
    });
  });

  it('are completed by an upgrade that needs more keys', async () => {
    const args = await fakeCluster([
      { kind: 'Secret', metadata: { name: 'test-holdfast' }, data: encode({ 'jwt-secret': 'old' }) },
    ] as never);
    expect(decode(await render({}, { args }))).toEqual({
      'jwt-secret': 'old',
      'api-keys': expect.stringMatching(/^[A-Za-z0-9]{48}$/),
    });
  });

  it('are removed with the release', async () => {
    for (const { metadata } of (await render()).find('Secret')) {
      expect(metadata.annotations?.['helm.sh/resource-policy']).toBeUndefined();
    }
  });

  it('are mounted as files that follow changes', async () => {
    const { deployment } = await render();
    const [{ volumeMounts, env }] = deployment.spec.template.spec.containers;
    const mount = volumeMounts.find(({ name }: { name: string }) => name === 'secrets');
    expect(mount).toEqual({ name: 'secrets', mountPath: '/etc/holdfast/secrets', readOnly: true });
    expect(env).toEqual(
      expect.arrayContaining([
        { name: 'HOLDFAST_JWT_SECRET_FILE', value: '/etc/holdfast/secrets/jwt-secret' },
        { name: 'HOLDFAST_API_KEYS_FILE', value: '/etc/holdfast/secrets/api-keys' },
        { name: 'HOLDFAST_BROKER_FILE', value: '/etc/holdfast/secrets/broker-url' },
      ]),
    );
  });

  it('appear only in Secrets', async () => {
    const values = {
      auth: { jwtSecret: { value: 'j'.repeat(32) }, apiKeys: { value: 'k'.repeat(16) } },
      broker: { url: 'redis://user:password@redis.example' },
    };
    const manifests = await render(values);
    const others = manifests.all.filter(({ kind }) => kind !== 'Secret');
    expect(JSON.stringify(others)).not.toMatch(/jjj|kkk|password@/);
  });

  it('do not restart pods when they change, unlike the configuration and the broker', async () => {
    const before = await template(broker('redis://user:p%40ss@redis.example/1'));
    expect(await template(broker('redis://user:other@redis.example/1'))).toBe(before);
    expect(
      await template({ ...broker('redis://redis.example/1'), auth: { jwtSecret: { value: 'j'.repeat(32) } } }),
    ).toBe(before);
    expect(await template(broker('redis://user:p%40ss@redis.example/2'))).not.toBe(before);
    // A parameter may contain the character that ends a password.
    const rest = 'redis.example/1?prefix=chat@';
    const [first, second] = await Promise.all(
      [`redis://${rest}eu`, `redis://other.${rest}eu`].map(async (url) => template(broker(url))),
    );
    expect(first).not.toBe(second);
    expect(await template({ ...broker('redis://redis.example/1'), config: { keyWindow: 60 } })).not.toBe(before);
    expect(await template({})).toBe(await template({}));
  });

  it('are not mounted if there are none', async () => {
    const { deployment } = await render({
      replicaCount: 1,
      redis: { enabled: false },
      auth: { jwtSecret: { enabled: false }, apiKeys: { enabled: false } },
    });
    expect(deployment.spec.template.spec.volumes.map(({ name }: { name: string }) => name)).toEqual(['config']);
  });

  it.each([
    ['a JWT secret that is too short', { jwtSecret: { value: 'short' } }, 'auth.jwtSecret.value: expected at least 32'],
    [
      'an API key that is too short',
      { apiKeys: { value: `${'k'.repeat(16)},short` } },
      'auth.apiKeys.value: expected at least 16',
    ],
    [
      'a secret from two sources',
      { jwtSecret: { value: 'j'.repeat(32), existingSecret: 'mine' } },
      'auth.jwtSecret: expected value or existingSecret, not both',
    ],
  ])('refuse %s, without printing it', async (_, auth, message) => {
    const output = await refusal({ auth });
    expect(output).toContain(message);
    expect(output).not.toMatch(/short|jjj|kkk/);
  });

  it('must exist if none may be generated', async () => {
    const output = await refusal({ auth: { generate: false } });
    expect(output).toContain('auth.jwtSecret.existingSecret: expected the name of a Secret');
    expect(output).toContain('auth.apiKeys.existingSecret: expected the name of a Secret');
    expect(output).toContain('redis.existingSecret: expected the name of a Secret with redis-password and broker-url');
  });

  it.each([
    [
      'a store',
      { data: { 'jwt-secret': { key: 'a' }, 'api-keys': { key: 'a' } } },
      'externalSecret.store.name: expected',
    ],
    ['data', { store: { name: 'vault' } }, 'externalSecret.data: expected a remoteRef for jwt-secret'],
    [
      'each of them',
      { store: { name: 'vault' }, data: { 'jwt-secret': { key: 'a' } } },
      'externalSecret.data: expected api-keys',
    ],
  ])('need %s when they are external', async (_, externalSecret, message) => {
    expect(await refusal({ externalSecret: { enabled: true, ...externalSecret } })).toContain(message);
  });

  it('come from one source when they are external', async () => {
    const externalSecret = {
      enabled: true,
      store: { name: 'v' },
      data: { 'jwt-secret': { key: 'a' }, 'api-keys': { key: 'a' } },
    };
    const auth = { jwtSecret: { value: 'j'.repeat(32) } };
    const output = await refusal({ externalSecret, auth, broker: { url: 'redis://redis.example' } });
    expect(output).toContain('auth.jwtSecret.value: externalSecret creates the Secret');
    expect(output).toContain('broker.url: externalSecret creates the Secret');
  });

  it('include an admin key if there is an operations page', async () => {
    const page = { config: { operationsPage: true } };
    const message = 'config.operationsPage: the page requires an admin key; set auth.adminKeys.enabled to true';
    expect(await refusal(page)).toContain(message);
    const variable = 'HOLDFAST_ADMIN_KEYS';
    for (const values of [
      { auth: { adminKeys: { enabled: true } } },
      { extraEnv: [{ name: `${variable}_FILE`, value: '/keys' }] },
      { extraSecretFiles: [{ variable, secret: 'mine', key: 'keys' }] },
    ]) {
      const { config } = await render({ ...page, ...values });
      expect(config).toContain('operationsPage: true\n');
    }
  });
});
