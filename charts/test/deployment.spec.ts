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
      'nameOverride: it is in the selector of the Deployment that runs',
    );
  });
});

describe('labels', () => {
  it.each(['commonLabels', 'podLabels'])('of %s cannot replace those that select pods', async (path) => {
    expect(await refusal({ [path]: { 'app.kubernetes.io/component': 'ws' } })).toContain(
      `${path}: must not contain app.kubernetes.io/component, which selects the pods`,
    );
  });
});

describe('the names', () => {
  it.each([
    ['test', {}, 'test-holdfast'],
    ['holdfast', {}, 'holdfast'],
    ['my-holdfast-2', {}, 'my-holdfast-2'],
    ['test', { nameOverride: 'ws' }, 'test-ws'],
    ['r'.repeat(53), {}, 'r'.repeat(46)],
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
