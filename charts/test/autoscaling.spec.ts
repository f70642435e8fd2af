import { describe, expect, it } from 'vitest';
import { fakeCluster } from './support/fake-cluster.ts';
import { refusal, render } from './support/helm.ts';

const SELECTOR = {
  'app.kubernetes.io/component': 'gateway',
  'app.kubernetes.io/instance': 'test',
  'app.kubernetes.io/name': 'holdfast',
};
const APPLY = { manager: 'helm', operation: 'Apply' };
const UPDATE = { manager: 'helm', operation: 'Update' };
const SCALE = {
  manager: 'kube-controller-manager',
  operation: 'Update',
  subresource: 'scale',
  fieldsV1: { 'f:spec': { 'f:replicas': {} } },
};
const WHOLE = { fieldsV1: { 'f:spec': { 'f:replicas': {}, 'f:template': {} } } };
const WITHOUT_REPLICAS = { fieldsV1: { 'f:spec': { 'f:template': {} } } };

function deployment(replicas: number, managedFields: readonly object[]) {
  const spec = { replicas, selector: { matchLabels: SELECTOR } };
  return { kind: 'Deployment', metadata: { name: 'test-holdfast', managedFields }, spec };
}

describe('autoscaling', () => {
  it('scales up at once, and down by one pod in the time that a pod takes to stop', async () => {
    const timeouts = { preStop: 5, settle: 10, drain: 60 };
    const manifests = await render({ autoscaling: { enabled: true }, timeouts });
    const { minReplicas, maxReplicas, metrics, behavior } = manifests.get('HorizontalPodAutoscaler').spec;
    expect({ minReplicas, maxReplicas, cpu: metrics[0].resource.target.averageUtilization }).toEqual({
      minReplicas: 3,
      maxReplicas: 10,
      cpu: 70,
    });
    expect(behavior.scaleUp).toMatchObject({ stabilizationWindowSeconds: 0, selectPolicy: 'Max' });
    expect(behavior.scaleDown.policies).toEqual([{ type: 'Pods', value: 1, periodSeconds: 75 }]);
  });

  it('uses at most the longest period that Kubernetes allows', async () => {
    const manifests = await render({ autoscaling: { enabled: true }, timeouts: { drain: 3600 } });
    const { behavior } = manifests.get('HorizontalPodAutoscaler').spec;
    expect(behavior.scaleDown.policies[0].periodSeconds).toBe(1800);
  });

  it.each([
    ['hpa', 'HorizontalPodAutoscaler', 'ScaledObject'],
    ['keda', 'ScaledObject', 'HorizontalPodAutoscaler'],
  ])('by %s is the only one', async (provider, kind, other) => {
    const keda = { prometheus: 'http://prometheus' };
    const manifests = await render({ autoscaling: { enabled: true, provider, keda } });
    expect([manifests.find(kind).length, manifests.find(other).length]).toEqual([1, 0]);
  });

  it('with KEDA counts the connections of this release', async () => {
    const autoscaling = { enabled: true, provider: 'keda', keda: { prometheus: 'http://prometheus' } };
    const { spec } = (await render({ autoscaling })).get('ScaledObject');
    const pods = 'namespace="test-ns", pod=~"test-holdfast-[a-z0-9]+-[a-z0-9]{5}"';
    const now = `holdfast_connections{${pods}}`;
    expect(spec).toMatchObject({ minReplicaCount: 3, maxReplicaCount: 10 });
    expect(spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[0].value).toBe(1);
    expect(spec.triggers[0].metadata).toEqual({
      serverAddress: 'http://prometheus',
      // With the last number of pods that cannot be scraped.
      query: `sum(${now}) + (sum(last_over_time(${now}[1h]) unless on (pod) ${now} and on (pod) up{${pods}}) or vector(0))`,
      threshold: '5000',
      // Otherwise an outage of the scrape would count as 0 connections.
      ignoreNullValues: 'false',
    });
  });

  it.each<[string, object, string]>([
    [
      'CPU without a request',
      { resources: { requests: { cpu: null }, limits: { cpu: null } } },
      'resources.requests.cpu',
    ],
    [
      'CPU with a sidecar without one',
      { sidecars: [{ name: 'a', image: 'a:1' }] },
      'sidecars[0].resources.requests.cpu',
    ],
    [
      'CPU with a native sidecar without one',
      { initContainers: [{ name: 'a', image: 'a:1', restartPolicy: 'Always' }] },
      'initContainers[0].resources.requests.cpu',
    ],
    [
      'memory without a request',
      {
        resources: { requests: { memory: '' }, limits: { memory: '' } },
        autoscaling: {
          enabled: true,
          extraMetrics: [{ type: 'Resource', resource: { name: 'memory', target: { type: 'Utilization' } } }],
        },
      },
      'resources.requests.memory',
    ],
    [
      'CPU by a trigger of KEDA',
      {
        resources: null,
        autoscaling: {
          enabled: true,
          provider: 'keda',
          keda: { prometheus: 'http://prometheus', extraTriggers: [{ type: 'cpu', metadata: { value: '70' } }] },
        },
      },
      'resources.requests.cpu',
    ],
  ])('refuses to scale on %s, which Kubernetes could not compute', async (_, values, path) => {
    const message = `${path}: expected a request, because autoscaling.`;
    expect(await refusal({ autoscaling: { enabled: true }, ...values })).toContain(message);
  });

  it('accepts a limit instead of a request, and containers that have ended', async () => {
    const manifests = await render({
      autoscaling: { enabled: true },
      resources: { requests: { cpu: null } },
      initContainers: [{ name: 'a', image: 'a:1' }],
    });
    expect(manifests.find('HorizontalPodAutoscaler')).toHaveLength(1);
  });

  it('refuses contradictory values', async () => {
    expect(await refusal({ autoscaling: { enabled: true, minReplicas: 11 } })).toContain(
      'autoscaling.maxReplicas: expected at least',
    );
    expect(await refusal({ autoscaling: { enabled: true, provider: 'keda' } })).toContain(
      'autoscaling.keda.prometheus: expected the URL',
    );
    expect(await refusal({ autoscaling: { enabled: true, provider: 'both' } })).toContain(
      "value must be one of 'hpa', 'keda'",
    );
  });
});

describe('enabling autoscaling', () => {
  const values = { autoscaling: { enabled: true } };

  it.each([
    ['while only Helm owns `replicas`, which would go down to 1 if it let go', [{ ...APPLY, ...WHOLE }], 7],
    [
      'of a release that Helm applies client-side, which compares its manifests only',
      [{ ...UPDATE, ...WHOLE }, SCALE],
      7,
    ],
    ['once the autoscaler owns it', [{ ...APPLY, ...WITHOUT_REPLICAS }, SCALE], undefined],
    ['once the autoscaler owns it too', [{ ...APPLY, ...WHOLE }, SCALE], undefined],
    ['while it has no owner', [{ ...APPLY, ...WITHOUT_REPLICAS }], undefined],
  ])('never lowers the running count, %s', async (_, managedFields, replicas) => {
    const args = await fakeCluster([deployment(7, managedFields)]);
    expect((await render(values, { args })).deployment.spec.replicas).toBe(replicas);
  });

  it('omits `replicas` in a new release', async () => {
    expect((await render(values, { args: await fakeCluster([]) })).deployment.spec).not.toHaveProperty('replicas');
  });
});

describe('disabling autoscaling', () => {
  it.each(['test-holdfast', 'keda-hpa-test-holdfast'])('is refused if it would lower the count of %s', async (name) => {
    const args = await fakeCluster([deployment(7, [SCALE]), { kind: 'HorizontalPodAutoscaler', metadata: { name } }]);
    const message = await refusal({ replicaCount: 3 }, { args });
    expect(message).toContain('replicaCount: the autoscaler runs 7 pods');
    expect(message).toContain('kubectl scale deployment/test-holdfast --namespace test-ns --replicas=3');
    expect((await render({ replicaCount: 7 }, { args })).deployment.spec.replicas).toBe(7);
  });

  it('is required before changing the provider, because KEDA would refuse it otherwise', async () => {
    const autoscaling = { enabled: true, provider: 'keda', keda: { prometheus: 'http://prometheus' } };
    const hpa = { kind: 'HorizontalPodAutoscaler', metadata: { name: 'test-holdfast' } };
    const args = await fakeCluster([deployment(7, [SCALE]), hpa]);
    expect(await refusal({ autoscaling }, { args })).toContain(
      'kubectl delete horizontalpodautoscaler/test-holdfast --namespace test-ns, then upgrade',
    );
  });

  it('allows a lower replicaCount if there is no autoscaler', async () => {
    const args = await fakeCluster([deployment(7, [SCALE])]);
    expect((await render({ replicaCount: 3 }, { args })).deployment.spec.replicas).toBe(3);
  });
});

describe('the PodDisruptionBudget', () => {
  it('lets a drain evict one pod at a time, and pods that are not ready at once', async () => {
    const { deployment: gateway, ...manifests } = await render().then((all) => ({
      deployment: all.deployment,
      budget: all.get('PodDisruptionBudget').spec,
    }));
    expect(manifests.budget).toEqual({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: gateway.spec.selector,
    });
  });

  it.each([
    ['a single pod', { replicaCount: 1 }],
    ['no pod', { replicaCount: 0 }],
    ['an autoscaler that goes down to one', { autoscaling: { enabled: true, minReplicas: 1 } }],
  ])('is not rendered for %s', async (_, values) => {
    expect((await render(values)).find('PodDisruptionBudget')).toEqual([]);
  });

  it.each([0, '0%', '100%'])('cannot be %s', async (maxUnavailable) => {
    expect(await refusal({ podDisruptionBudget: { maxUnavailable } })).toContain('/podDisruptionBudget/maxUnavailable');
  });
});
