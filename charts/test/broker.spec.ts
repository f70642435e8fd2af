import { describe, expect, it } from 'vitest';
import { refusal, render } from './support/helm.ts';

const FILES = {
  existingSecret: 'files',
  existingConfigMap: 'ca',
  serviceAccountToken: { audience: 'kafka' },
};
const TLS = 'kafka+tls://kafka:9093/holdfast?tlsCa=/etc/holdfast/broker/ca.crt';

describe('the files of the broker', () => {
  it('are in one folder that follows changes, readable by the group of the gateway only', async () => {
    const { deployment } = await render({ broker: { url: TLS, files: FILES } });
    const { volumes, containers, securityContext, automountServiceAccountToken } = deployment.spec.template.spec;
    const volume = volumes.find(({ name }: { name: string }) => name === 'broker');
    expect(volume).toEqual({
      name: 'broker',
      projected: {
        defaultMode: 0o440,
        sources: [
          { secret: { name: 'files' } },
          { configMap: { name: 'ca' } },
          { serviceAccountToken: { path: 'token', audience: 'kafka', expirationSeconds: 3600 } },
        ],
      },
    });
    expect(securityContext.fsGroup).toBe(65_532);
    // A subPath would not follow changes.
    expect(containers[0].volumeMounts).toContainEqual({
      name: 'broker',
      mountPath: '/etc/holdfast/broker',
      readOnly: true,
    });
    // The token is for the broker only.
    expect(automountServiceAccountToken).toBe(false);
  });

  it('are not mounted if there are none', async () => {
    const { deployment } = await render({ broker: { url: 'kafka+tls://kafka' } });
    const { volumes } = deployment.spec.template.spec;
    expect(volumes.map(({ name }: { name: string }) => name)).not.toContain('broker');
  });

  it.each([TLS, TLS.replaceAll('/etc/', '%2Fetc%2F').replaceAll('broker/', 'broker%2F')])(
    'must be mounted if the URL names one: %s',
    async (url) => {
      const message = 'broker.files: expected a Secret or ConfigMap, because broker.url names a file';
      expect(await refusal({ broker: { url } })).toContain(message);
    },
  );
});

describe('a broker on a log', () => {
  it.each([
    ['kafka://kafka', { namespaceDefaults: { history: { ttl: 901 } } }, 'config.namespaceDefaults.history.ttl'],
    [
      'pubsub://my-project/holdfast?region=europe-west1&window=60',
      { namespaces: { chat: { history: { ttl: 61 } } } },
      'config.namespaces.chat.history.ttl',
    ],
    ['nats://nats?window=60', { namespaces: { chat: { history: { ttl: 61 } } } }, 'config.namespaces.chat.history.ttl'],
    ['amqp://rabbitmq/%2F?prefix=x&window=600', { keyWindow: 601 }, 'config.keyWindow'],
  ])('(%s) refuses what does not fit into its window', async (url, config, message) => {
    expect(await refusal({ broker: { url }, config })).toContain(`${message}: expected at most`);
  });

  it.each([
    ['kafka://kafka', { namespaceDefaults: { history: { ttl: 900 } }, keyWindow: 900 }],
    ['nats://nats?window=3600', { namespaceDefaults: { history: { ttl: 3600 } } }],
    ['nats://nats', { namespaces: { chat: { history: { ttl: 86_400, size: 0 } } } }],
    ['redis://redis', { namespaceDefaults: { history: { ttl: 86_400 } } }],
  ])('(%s) accepts what fits', async (url, config) => {
    await expect(render({ broker: { url }, config })).resolves.toBeDefined();
  });
});
