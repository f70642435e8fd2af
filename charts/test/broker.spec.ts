import { describe, expect, it } from 'vitest';
import { refusal, render, type Manifest } from './support/helm.ts';

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

describe('the Job that migrates the database', () => {
  const OWNER = { enabled: true, existingSecret: 'owner' };

  it('runs before an installation, an upgrade, and a sync of Argo CD, and needs nothing of the chart', async () => {
    const { job } = await migrationOf({ broker: { files: FILES, migration: OWNER } });
    // Argo CD runs these hooks before a sync, and replaces an earlier Job: a Job cannot be changed.
    expect(job.metadata.annotations).toEqual({
      'helm.sh/hook': 'pre-install,pre-upgrade',
      'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
    });
    const { spec } = job.spec.template;
    expect(spec.serviceAccountName).toBe('default');
    expect(
      spec.volumes.map(({ secret, projected }: Volume) => secret?.secretName ?? projected?.sources.length),
    ).toEqual(['owner', 3]);
    expect(job.spec.activeDeadlineSeconds).toBeLessThan(300);
  });

  it('complies with the Pod Security Standard "restricted", as the gateway does', async () => {
    const { job, deployment } = await migrationOf({ broker: { migration: OWNER } });
    const [own, gateway] = [job.spec.template.spec, deployment.spec.template.spec];
    expect(own.securityContext).toEqual(gateway.securityContext);
    expect(own.containers[0].securityContext).toEqual(gateway.containers[0].securityContext);
    expect(own.containers[0].image).toBe(gateway.containers[0].image);
    expect(own.automountServiceAccountToken).toBe(false);
  });

  it('is not selected by the Services of the gateway', async () => {
    const { job, deployment } = await migrationOf({ broker: { migration: OWNER } });
    expect(job.spec.template.metadata.labels).not.toMatchObject(deployment.spec.selector.matchLabels);
  });

  it.each([
    ['a URL in a Secret of the chart', { url: 'postgres://db/app' }, 'broker.migration.existingSecret: expected'],
    [
      'another broker',
      { url: 'redis://redis', migration: { existingSecret: 'owner' } },
      'only PostgreSQL has a schema',
    ],
  ])('is refused with %s', async (_, broker, message) => {
    const migration = { enabled: true, ...('migration' in broker ? broker.migration : {}) };
    expect(await refusal({ broker: { ...broker, migration } })).toContain(message);
  });
});

interface Volume {
  readonly secret?: { readonly secretName: string };
  readonly projected?: { readonly sources: readonly unknown[] };
}

async function migrationOf(values: object): Promise<{ job: Manifest; deployment: Manifest }> {
  const manifests = await render(values);
  return { job: manifests.get('Job'), deployment: manifests.get('Deployment', 'test-holdfast') };
}
