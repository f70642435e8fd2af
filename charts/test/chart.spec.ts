import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, describe, it } from 'vitest';
import { parse } from 'yaml';
import { CHART, helm, refusal, render, type Manifests, type RenderOptions } from './support/helm.ts';
import { parentChart, temporaryFolder } from './support/parent-chart.ts';

function withPreset(preset: string): RenderOptions {
  return { args: ['--values', join(CHART, 'presets', `${preset}.yaml`)] };
}

function preStopSeconds({ deployment }: Manifests): number {
  return deployment.spec.template.spec.containers[0].lifecycle.preStop.sleep.seconds;
}

describe('the chart', () => {
  it('passes helm lint', async () => {
    const output = await helm(['lint', '--strict', CHART]);
    expect(output).not.toMatch(/\[(WARNING|ERROR)\]/);
  });

  it('has the version of the gateway', async () => {
    const { version, appVersion } = parse(await readFile(join(CHART, 'Chart.yaml'), 'utf8')) as Record<string, string>;
    const root = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect([version, appVersion]).toEqual([root.version, root.version]);
  });

  it('names the images that it uses in its annotations', async () => {
    const { annotations } = parse(await readFile(join(CHART, 'Chart.yaml'), 'utf8')) as {
      annotations: Record<string, string>;
    };
    const named = (parse(annotations['artifacthub.io/images'] ?? '') as { image: string }[]).map(({ image }) => image);
    const used = (await render()).find('Deployment').flatMap(({ spec }) => spec.template.spec.containers);
    expect(named.toSorted()).toEqual(used.map(({ image }: { image: string }) => image).toSorted());
  });

  it('packages only its own files', async () => {
    const folder = await temporaryFolder();
    const output = await helm(['package', CHART, '--destination', folder]);
    expect(output).toContain('holdfast-0.1.0.tgz');
    const manifests = await render({}, { chart: join(folder, 'holdfast-0.1.0.tgz') });
    expect(manifests.all).toHaveLength((await render()).all.length);
  });

  it.each(['1.29.9', '1.28.0'])(
    'refuses Kubernetes %s, which does not support the preStop sleep',
    async (kubeVersion) => {
      expect(await refusal({}, { kubeVersion })).toContain('which is incompatible with Kubernetes');
    },
  );

  it.each(['1.30.0', '1.30.4-gke.1', '1.37.2'])('accepts Kubernetes %s', async (kubeVersion) => {
    expect((await render({}, { kubeVersion })).deployment.kind).toBe('Deployment');
  });
});

describe('a parent chart', () => {
  it('can use it as a subchart, with global values and a condition', async () => {
    const chart = await parentChart({ global: { region: 'eu' }, holdfast: { enabled: true, replicaCount: 4 } });
    expect((await render({}, { chart })).deployment.spec.replicas).toBe(4);
  });

  it('can disable it', async () => {
    expect((await render({}, { chart: await parentChart({ holdfast: { enabled: false } }) })).all).toEqual([]);
  });

  it('gets an error for a misspelt value', async () => {
    const chart = await parentChart({ holdfast: { replicas: 4 } });
    expect(await refusal({}, { chart })).toContain("additional properties 'replicas' not allowed");
  });

  it('passes large numbers unchanged', async () => {
    const chart = await parentChart({ holdfast: { config: { connection: { maxBuffered: 268_435_456 } } } });
    expect((await render({}, { chart })).yaml).toContain('maxBuffered: 268435456\n');
  });
});

describe('preset', async () => {
  const presets = (await readdir(join(CHART, 'presets'))).map((file) => file.replace('.yaml', ''));

  it('files are the expected ones', () => {
    expect(presets.toSorted()).toEqual([
      'aks',
      'development',
      'eks',
      'eks-nlb',
      'gitops',
      'gke',
      'kafka',
      'nats',
      'postgresql',
      'postgresql-azure',
      'postgresql-cloudsql',
      'postgresql-rds',
      'pubsub',
      'rabbitmq',
      'small',
      'spot',
    ]);
  });

  it.each(presets)('%s renders', async (preset) => {
    expect((await render({}, withPreset(preset))).deployment.kind).toBe('Deployment');
  });

  it.each(presets)('%s is listed in the README', async (preset) => {
    const readme = await readFile(join(CHART, 'README.md'), 'utf8');
    expect(readme.includes(`presets/${preset}.yaml`)).toBe(true);
  });

  it('spot fits into the 15 s that GKE allows', async () => {
    const { deployment } = await render({}, withPreset('spot'));
    expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBeLessThanOrEqual(15);
  });

  // GKE takes 1060m of the two shared cores of an e2-small, and a quarter of its 2 GiB and 100 MiB. What it runs itself requests about half of the rest.
  it('small fits on an e2-small twice, as in a rollout, beside what GKE itself runs there', async () => {
    const manifests = await render({}, withPreset('small'));
    expect(manifests.deployment.spec.replicas).toBe(1);
    const [cpu, memory] = manifests.find('Deployment').reduce(
      ([cpuSum, memorySum], { metadata, spec }) => {
        const { requests, limits } = spec.template.spec.containers[0].resources;
        const times = metadata.name === manifests.deployment.metadata.name ? 2 : 1;
        return [
          cpuSum + times * Number(requests.cpu.replace('m', '')),
          memorySum + times * Number(limits.memory.replace('Mi', '')),
        ];
      },
      [0, 0],
    );
    expect(cpu).toBeLessThan((2000 - 1060) / 2);
    expect(memory).toBeLessThan((2048 * 0.75 - 100) / 2);
  });

  it('gitops renders the same each time, and no secret', async () => {
    const [first, second] = await Promise.all([render({}, withPreset('gitops')), render({}, withPreset('gitops'))]);
    expect(first.yaml).toBe(second.yaml);
    expect(first.find('Secret')).toEqual([]);
    // It would be applied with the other objects.
    expect(first.find('Pod')).toEqual([]);
  });

  it('development is one small pod without Redis, open to all clients', async () => {
    const manifests = await render({}, withPreset('development'));
    expect(manifests.find('Deployment')).toHaveLength(1);
    expect(manifests.deployment.spec.replicas).toBe(1);
    expect(parse(manifests.config)).toMatchObject({
      mode: 'development',
      auth: { anonymous: true },
    });
  });

  it('eks-nlb keeps the connections of a target until its pod has moved its clients', async () => {
    const manifests = await render({}, withPreset('eks-nlb'));
    const { annotations } = manifests.get('Service', 'test-holdfast').metadata;
    const { terminationGracePeriodSeconds } = manifests.deployment.spec.template.spec;
    const attributes = annotations?.['service.beta.kubernetes.io/aws-load-balancer-target-group-attributes'] ?? '';
    // The margin is for the end of the process.
    expect(attributes).toContain(`deregistration_delay.timeout_seconds=${terminationGracePeriodSeconds - 10},`);
  });

  it.each(['gke', 'eks', 'eks-nlb', 'aks'])('%s waits longer before it stops', async (preset) => {
    expect(preStopSeconds(await render({}, withPreset(preset)))).toBeGreaterThan(preStopSeconds(await render()));
  });
});
