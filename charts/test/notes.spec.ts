import { describe, expect, it } from 'vitest';
import { CHART, helm } from './support/helm.ts';

/** What Helm prints after an install. */
async function notes(values: object = {}): Promise<string> {
  const args = ['install', 'test', CHART, '--namespace', 'test-ns', '--dry-run=client', '--values', '-'];
  const output = await helm(args, JSON.stringify(values));
  return output.slice(output.indexOf('\nNOTES:\n'));
}

const MEMORY = { redis: { enabled: false }, replicaCount: 1 };

describe('the notes', () => {
  it('list the next commands', async () => {
    const output = await notes();
    expect(output).toContain('kubectl --namespace test-ns rollout status deployment/test-holdfast\n');
    expect(output).toContain('helm --namespace test-ns test test\n');
    expect(output).toContain('kubectl --namespace test-ns port-forward service/test-holdfast 8000:80\n');
  });

  it('show how to read generated secrets, but not the secrets', async () => {
    const output = await notes();
    expect(output).toContain(
      `get secret test-holdfast --output 'go-template={{index .data "jwt-secret" | base64decode}}'`,
    );
    expect(output).toContain(
      `get secret test-holdfast --output 'go-template={{index .data "api-keys" | base64decode}}'`,
    );
    expect(output).not.toMatch(/[A-Za-z0-9]{32}/);
  });

  it('show how to open the operations page, if there is one', async () => {
    const forward = 'kubectl --namespace test-ns port-forward deployment/test-holdfast 8001\n';
    expect(await notes({ config: { operationsPage: true }, auth: { adminKeys: { enabled: true } } })).toContain(
      forward,
    );
    expect(await notes()).not.toContain('8001');
  });

  it('do not show how to read secrets of others', async () => {
    const output = await notes({ auth: { jwtSecret: { existingSecret: 'a' }, apiKeys: { enabled: false } } });
    expect(output).not.toContain('get secret');
  });

  it.each([
    ['the bundled Redis', {}, 'The bundled Redis is for evaluation: one pod, no replica, no persistence.'],
    ['a single pod', { ...MEMORY, broker: { url: 'redis://r' } }, 'With one pod, clients are disconnected'],
    ['the memory broker', MEMORY, 'The broker is the memory of the single pod'],
    [
      'a password without TLS',
      { broker: { url: 'amqp://user:password@rabbitmq' } },
      'The password in broker.url is sent unencrypted: use amqps:// if the broker has TLS.',
    ],
    [
      'too little memory for a broker on a log',
      { broker: { url: 'nats+tls://nats' } },
      'resources.limits.memory is 256Mi: with this broker each pod keeps up to 128 MiB of histories',
    ],
    [
      'Pub/Sub without credentials that the chart knows',
      { broker: { url: 'pubsub://my-project/holdfast?region=europe-west1' } },
      "Pub/Sub takes the pods' credentials from the environment",
    ],
    [
      'a metadata server that pods cannot reach',
      {
        broker: { url: 'pubsub://my-project/holdfast?region=europe-west1' },
        networkPolicy: { enabled: true, apiClients: [{ podSelector: {} }] },
      },
      'With workload identity pods ask the metadata server for tokens',
    ],
    [
      'ports of Kafka that the chart does not know',
      {
        broker: { url: 'kafka+tls://kafka/holdfast' },
        networkPolicy: { enabled: true, apiClients: [{ podSelector: {} }] },
      },
      'Pods connect to the advertised listeners of Kafka',
    ],
    [
      'ports that sentinels announce',
      {
        broker: { url: 'redis+sentinel://sentinel/primary' },
        networkPolicy: { enabled: true, apiClients: [{ podSelector: {} }] },
      },
      'Pods connect to the Redis servers that the sentinels announce, for which port 6379 is allowed',
    ],
    [
      'development',
      { config: { mode: 'development' } },
      'config.mode is development, which is for your own machine only',
    ],
    [
      'anonymous clients',
      { config: { auth: { anonymous: true } } },
      'config.auth.anonymous: clients without a token may connect',
    ],
    ['a gateway without authentication', { auth: { jwtSecret: { enabled: false } } }, 'Nobody can connect'],
    [
      'secrets in values',
      { auth: { apiKeys: { value: 'k'.repeat(16) } } },
      'Secrets in values are stored in every revision',
    ],
  ])('warn of %s', async (_, values, warning) => {
    expect(await notes(values)).toContain(`\n  - ${warning}`);
  });

  it('have no warnings if nothing is risky', async () => {
    const auth = { jwtSecret: { existingSecret: 'a' }, apiKeys: { existingSecret: 'a' } };
    expect(await notes({ broker: { existingSecret: 'b' }, auth })).not.toContain('Warnings:');
    for (const memory of ['512Mi', '1G', '0.5Gi', '1073741824']) {
      const resources = { limits: { memory } };
      expect(await notes({ broker: { url: 'kafka+tls://kafka' }, auth, resources })).not.toContain('Warnings:');
    }
  });
});
