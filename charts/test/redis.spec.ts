import { execFile, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { installRedis } from '../../libs/broadcast/test/support/redis-servers.ts';
import { fakeCluster } from './support/fake-cluster.ts';
import { refusal, render } from './support/helm.ts';
import { temporaryFolder } from './support/parent-chart.ts';

const run = promisify(execFile);

async function checksum(values: object): Promise<string> {
  const { spec } = (await render(values)).get('Deployment', 'test-holdfast-redis');
  return spec.template.metadata.annotations['checksum/config'];
}

describe('the bundled Redis', () => {
  it('runs once, never twice at a time, and has other labels than the gateway', async () => {
    const manifests = await render();
    const { spec } = manifests.get('Deployment', 'test-holdfast-redis');
    expect(spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
    expect(spec.selector.matchLabels).not.toEqual(manifests.deployment.spec.selector.matchLabels);
    expect(manifests.get('Service', 'test-holdfast-redis').spec.selector).toEqual(spec.selector.matchLabels);
    expect(manifests.get('Service', 'test-holdfast').spec.selector).toEqual(
      manifests.deployment.spec.selector.matchLabels,
    );
  });

  it('stays below the memory limit of its pod, and evicts nothing', async () => {
    const manifests = await render();
    const config = manifests.get('ConfigMap', 'test-holdfast-redis').data?.['redis.conf'];
    expect(config).toContain(`\nmaxmemory ${Math.floor(0.6 * 256 * 2 ** 20)}\n`);
    expect(config).toContain('\nmaxmemory-policy noeviction\n');
    expect(config).toContain('save ""\nappendonly no\n');
  });

  it.each([
    ['512Mi', 0.6 * 512 * 2 ** 20],
    ['1G', 0.6e9],
    ['1.5Gi', 0.9 * 2 ** 30],
    [268_435_456, 0.6 * 2 ** 28],
  ])('understands a limit of %s', async (memory, maxmemory) => {
    const manifests = await render({ redis: { resources: { limits: { memory } } } });
    expect(manifests.get('ConfigMap', 'test-holdfast-redis').data?.['redis.conf']).toContain(
      `\nmaxmemory ${Math.floor(maxmemory)}\n`,
    );
  });

  it('requires a memory limit', async () => {
    expect(await refusal({ redis: { resources: { limits: null } } })).toContain(
      'redis.resources.limits.memory: expected a quantity',
    );
    expect(await refusal({ redis: { resources: { limits: { memory: '1Ti' } } } })).toContain(
      'expected a quantity in Mi or Gi',
    );
  });

  it('gets its password through stdin, from a file', async () => {
    const pod = (await render()).get('Deployment', 'test-holdfast-redis').spec.template.spec;
    const [container] = pod.containers;
    expect(container).not.toHaveProperty('env');
    expect(container.args[0]).toContain('cat /etc/redis-secret/redis-password');
    expect(pod.volumes[1].secret).toEqual({
      secretName: 'test-holdfast-redis',
      defaultMode: 0o440,
      items: [{ key: 'redis-password', path: 'redis-password' }],
    });
  });

  it.each(['with blanks', '"quotes" and \'quotes\'', 'back\\slash $HOME `id`', '#hash', 'ünï', "it's \\x41"])(
    'accepts %j as a password',
    async (password) => {
      installRedis();
      const folder = await temporaryFolder();
      const [container] = (await render()).get('Deployment', 'test-holdfast-redis').spec.template.spec.containers;
      const inFolder = (script: string): string =>
        script
          .replaceAll('/etc/redis-secret/redis-password', join(folder, 'password'))
          .replaceAll('/etc/redis/redis.conf', join(folder, 'redis.conf'))
          .replaceAll('redis-cli', `redis-cli -s ${join(folder, 'socket')}`);
      await writeFile(join(folder, 'password'), `${password}\n`);
      await writeFile(join(folder, 'redis.conf'), `port 0\nunixsocket ${join(folder, 'socket')}\ndir ${folder}\n`);
      const server = spawn(container.command[0], [container.command[1], inFolder(container.args[0])]);
      onTestFinished(async () => {
        const ended = new Promise((resolve) => server.on('exit', resolve));
        if (server.exitCode === null && server.kill()) await ended;
      });
      const [shell, ...args] = container.readinessProbe.exec.command.map((word: string) => inFolder(word));
      await expect.poll(() => run(shell, args).then(() => 'ready')).toBe('ready');
      const socket = ['-s', join(folder, 'socket')];
      expect((await run('redis-cli', [...socket, 'ping'])).stdout).toContain('NOAUTH');
      const env = { ...process.env, REDISCLI_AUTH: password };
      expect((await run('redis-cli', [...socket, 'ping'], { env })).stdout).toBe('PONG\n');
    },
  );

  it('has a password in its URL that any client decodes', async () => {
    const password = 'a b+c/d:e@f"g%h';
    const data = { 'redis-password': Buffer.from(password).toString('base64') };
    const args = await fakeCluster([{ kind: 'Secret', metadata: { name: 'test-holdfast-redis' }, data } as never]);
    const text = (await render({}, { args })).get('Secret', 'test-holdfast-redis').data?.['broker-url'] ?? '';
    const url = new URL(Buffer.from(text, 'base64').toString());
    expect(decodeURIComponent(url.password)).toBe(password);
    expect(url.host).toBe('test-holdfast-redis:6379');
  });

  it('restarts when its configuration changes', async () => {
    const before = await checksum({});
    expect(await checksum({})).toBe(before);
    expect(await checksum({ redis: { maxmemoryPercentage: 50 } })).not.toBe(before);
  });

  it('is not installed if a variable sets the broker, such as one that a secret store mounts', async () => {
    const extraEnv = [{ name: 'HOLDFAST_BROKER_FILE', value: '/mnt/secrets/broker' }];
    const manifests = await render({ extraEnv });
    expect(manifests.yaml).not.toContain('test-holdfast-redis');
    expect(manifests.deployment.spec.template.spec.containers[0].env.slice(-1)).toEqual(extraEnv);
    expect(JSON.stringify(manifests.deployment)).not.toContain('broker-url');
  });

  it('is not installed if a broker is configured', async () => {
    for (const broker of [{ url: 'redis://redis.example' }, { existingSecret: 'mine' }]) {
      expect((await render({ broker })).yaml).not.toContain('test-holdfast-redis');
    }
    expect(await refusal({ broker: { url: 'redis://redis.example', existingSecret: 'mine' } })).toContain(
      'broker: expected url or existingSecret, not both',
    );
  });
});

describe('the memory broker', () => {
  it.each([
    ['three pods', { redis: { enabled: false } }],
    ['two pods', { broker: { url: 'memory:' }, replicaCount: 2 }],
    ['an autoscaler', { redis: { enabled: false }, replicaCount: 1, autoscaling: { enabled: true } }],
  ])('is refused for %s', async (_, values) => {
    expect(await refusal(values)).toContain(
      'replicaCount: the memory broker only works with a single pod. Set broker.url',
    );
  });

  it('is used by a single pod', async () => {
    const { deployment } = await render({ redis: { enabled: false }, replicaCount: 1 });
    expect(JSON.stringify(deployment)).not.toContain('HOLDFAST_BROKER');
  });
});
