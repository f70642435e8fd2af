import { describe, expect, it } from 'vitest';
import { fakeCluster } from './support/fake-cluster.ts';
import { refusal, render } from './support/helm.ts';

describe('the Deployment', () => {
  it('runs three pods, and replaces them without losing one', async () => {
    const { deployment } = await render();
    expect(deployment.spec).toMatchObject({
      replicas: 3,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    });
  });

  it('complies with the Pod Security Standard "restricted", like all pods of the chart', async () => {
    const manifests = await render();
    const pods = [...manifests.find('Deployment').map(({ spec }) => spec.template.spec), manifests.get('Pod').spec];
    expect(pods).toHaveLength(3);
    for (const pod of pods) {
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
  });

  it('checks liveness on the event loop, and readiness on the gateway', async () => {
    const [container] = (await render()).deployment.spec.template.spec.containers;
    expect(container).toMatchObject({
      livenessProbe: {
        httpGet: { path: '/health/live', port: 'http' },
        initialDelaySeconds: 10,
        periodSeconds: 30,
        timeoutSeconds: 5,
      },
      readinessProbe: {
        httpGet: { path: '/health/ready', port: 'http' },
        initialDelaySeconds: 5,
        periodSeconds: 10,
        timeoutSeconds: 5,
        failureThreshold: 1,
      },
      ports: [
        { name: 'http', containerPort: 8000 },
        { name: 'management', containerPort: 8001 },
      ],
    });
  });

  it('spreads the pods of one revision', async () => {
    const { spec } = (await render()).deployment;
    expect(spec.template.spec.topologySpreadConstraints).toHaveLength(2);
    for (const constraint of spec.template.spec.topologySpreadConstraints) {
      expect(constraint).toMatchObject({
        maxSkew: 1,
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: spec.selector,
        matchLabelKeys: ['pod-template-hash'],
      });
    }
    const topologySpread = { zones: 'off', hosts: 'off' };
    const { deployment } = await render({ topologySpread });
    expect(deployment.spec.template.spec).not.toHaveProperty('topologySpreadConstraints');
  });

  it.each(['image', 'redis.image'])('refuses %s `latest`', async (path) => {
    const image = { image: { tag: 'latest' } };
    expect(await refusal(path === 'image' ? image : { redis: image })).toContain(`${path}.tag: expected a version`);
  });

  it.each(['image', 'redis.image'])('accepts %s `latest` with a digest, which takes precedence', async (path) => {
    const image = { image: { tag: 'latest', digest: `sha256:${'0'.repeat(64)}` } };
    const { yaml } = await render(path === 'image' ? image : { redis: image });
    expect(yaml).toContain(`@sha256:${'0'.repeat(64)}`);
    expect(yaml).not.toContain('latest');
  });

  it('has its configuration in the template, so that `kubectl rollout undo` restores it with the image', async () => {
    const { template } = (await render({ config: { keyWindow: 60 } })).deployment.spec;
    expect(template.metadata.annotations['holdfast/config']).toContain('keyWindow: 60');
    expect(template.spec.volumes[0]).toEqual({
      name: 'config',
      downwardAPI: {
        items: [
          {
            path: 'config.yaml',
            fieldRef: { apiVersion: 'v1', fieldPath: "metadata.annotations['holdfast/config']" },
          },
        ],
      },
    });
    const podAnnotations = { 'holdfast/config': 'mode: development' };
    expect((await render({ podAnnotations })).config).not.toContain('development');
  });

  it('refuses a configuration that does not fit into an annotation', async () => {
    const namespaces = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, index) => [`ns${index}`, { presence: true }]),
    );
    expect(await refusal({ config: { namespaces } })).toContain('config: expected at most 100,000 bytes');
  });

  it('refuses a rollout that cannot proceed', async () => {
    expect(await refusal({ rollingUpdate: { maxUnavailable: '0%', maxSurge: 0 } })).toContain(
      'rollingUpdate: expected maxUnavailable or maxSurge above 0',
    );
    expect(await refusal({ minReadySeconds: 600 })).toContain(
      'progressDeadlineSeconds: expected more than minReadySeconds',
    );
  });

  it('never changes its selector', async () => {
    const selector = {
      'app.kubernetes.io/component': 'gateway',
      'app.kubernetes.io/instance': 'test',
      'app.kubernetes.io/name': 'holdfast',
    };
    const { deployment } = await render({
      commonLabels: { team: 'a' },
      podLabels: { team: 'b' },
      fullnameOverride: 'x',
    });
    expect(deployment.spec.selector.matchLabels).toEqual(selector);

    const live = {
      kind: 'Deployment',
      metadata: { name: 'test-holdfast' },
      spec: { replicas: 3, selector: { matchLabels: selector } },
    };
    const args = await fakeCluster([live]);
    await render({}, { args });
    expect(await refusal({ nameOverride: 'ws', fullnameOverride: 'test-holdfast' }, { args })).toContain(
      "nameOverride: it is part of the running Deployment's selector",
    );
  });
});

describe('labels and annotations', () => {
  it("are merged by key: those of an object take precedence over common ones, and these over the chart's", async () => {
    const labels = { 'app.kubernetes.io/part-of': 'monitor', team: 'monitor' };
    const manifests = await render({
      commonLabels: { 'app.kubernetes.io/part-of': 'common', team: 'common', 'helm.sh/chart': 'common' },
      commonAnnotations: { team: 'common', other: 'common' },
      podLabels: { team: 'pod' },
      redis: { labels: { team: 'redis' } },
      serviceAccount: { annotations: { team: 'account' } },
      metrics: { serviceMonitor: { enabled: true, labels }, prometheusRule: { enabled: true, labels } },
      test: { labels: { team: 'test' }, annotations: { team: 'test', 'helm.sh/hook': 'test' } },
    });
    const monitor = manifests.get('ServiceMonitor').metadata.labels;
    expect(monitor).toMatchObject({ ...labels, 'helm.sh/chart': 'common', 'app.kubernetes.io/name': 'holdfast' });
    expect(manifests.get('PrometheusRule').metadata.labels).toEqual(monitor);
    expect(manifests.deployment.metadata.labels).toMatchObject({ team: 'common' });
    expect(manifests.deployment.spec.template.metadata.labels).toMatchObject({ team: 'pod' });
    expect(manifests.get('Deployment', 'test-holdfast-redis').spec.template.metadata.labels.team).toBe('redis');
    expect(manifests.get('ServiceAccount').metadata.annotations).toMatchObject({ team: 'account', other: 'common' });
    const test = manifests.get('Pod').metadata;
    expect(test.labels).toMatchObject({ team: 'test', 'app.kubernetes.io/component': 'test' });
    expect(test.annotations).toMatchObject({ team: 'test', 'helm.sh/hook': 'test' });
  });

  it("of an Ingress and a Service replace the chart's, and null removes one", async () => {
    const prefix = 'nginx.ingress.kubernetes.io';
    const { annotations } = (
      await render({
        ingress: {
          enabled: true,
          annotations: { [`${prefix}/proxy-read-timeout`]: 60, [`${prefix}/proxy-send-timeout`]: null },
        },
      })
    ).get('Ingress').metadata;
    expect(annotations).toEqual({ [`${prefix}/proxy-read-timeout`]: '60' });
  });

  it.each(['commonLabels', 'podLabels', 'service.labels', 'redis.labels', 'test.labels', 'broker.migration.labels'])(
    'of %s cannot replace those that select pods',
    async (path) => {
      const labels = { 'app.kubernetes.io/component': 'ws' };
      const values = path.split('.').reduceRight<object>((inner, name) => ({ [name]: inner }), labels);
      expect(await refusal(values)).toContain(
        `${path}: must not contain app.kubernetes.io/component, which selects the pods`,
      );
    },
  );

  it('of pods are not templates of Helm, because they may be those of others, such as Vault', async () => {
    const key = 'vault.hashicorp.com/agent-inject-template-jwt';
    const template = '{{- with secret "kv/data/holdfast" -}}{{ .Data.data.jwt }}{{- end }}\n';
    const { deployment } = await render({ podAnnotations: { [key]: template } });
    expect(deployment.spec.template.metadata.annotations[key]).toBe(template);
  });
});

describe('the names', () => {
  it.each([
    ['test', {}, 'test-holdfast'],
    ['holdfast', {}, 'holdfast'],
    ['my-holdfast-2', {}, 'my-holdfast-2'],
    ['test', { nameOverride: 'ws' }, 'test-ws'],
    ['r'.repeat(53), {}, 'r'.repeat(46)],
    // A Service's name must begin with a letter.
    ['1234', {}, 'holdfast-1234'],
    ['1234', { nameOverride: '12' }, 'holdfast-12-1234'],
    ['test', { fullnameOverride: '20241127' }, 'holdfast-20241127'],
  ])('of release %s with %o is %s', async (release, values, name) => {
    const manifests = await render(values, { release });
    expect(manifests.deployment.metadata.name).toBe(name);
    for (const { metadata } of manifests.all) {
      expect(metadata.name.startsWith(name)).toBe(true);
      // RFC 1123: a name must fit into a DNS label.
      expect(metadata.name.length).toBeLessThanOrEqual(63);
    }
  });

  it('include the namespace of each object, so that the output of `helm template` can be applied', async () => {
    for (const { metadata } of (await render()).all) expect(metadata.namespace).toBe('test-ns');
  });
});
