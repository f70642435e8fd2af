import { describe, expect, it } from 'vitest';
import { helm, HelmError, refusal, render } from './support/helm.ts';

describe("the values' schema", () => {
  it.each<[refused: string, values: object, message: string]>([
    ['a misspelt name', { replicas: 4 }, "additional properties 'replicas' not allowed"],
    ['a misspelt nested name', { timeouts: { dran: 4 } }, "at '/timeouts': additional properties 'dran' not allowed"],
    [
      'a misspelt name in the configuration',
      { config: { drane: {} } },
      "at '/config': additional properties 'drane' not allowed",
    ],
    [
      'a misspelt name in a namespace',
      { config: { namespaces: { a: { presense: true } } } },
      "at '/config/namespaces/a'",
    ],
    ['a secret in the configuration', { config: { apiKeys: ['k'] } }, "at '/config': additional properties 'apiKeys'"],
    ['a value that the gateway would refuse', { config: { connection: { ping: -1 } } }, "at '/config/connection/ping'"],
    ['text for a number', { replicaCount: '3' }, "at '/replicaCount': got string, want integer"],
    ['a fraction of a pod', { replicaCount: 1.5 }, "at '/replicaCount'"],
    ['a negative number of pods', { replicaCount: -1 }, "at '/replicaCount'"],
    ['an invalid digest', { image: { digest: 'sha256:1' } }, "at '/image/digest'"],
    ['an unknown pull policy', { image: { pullPolicy: 'Sometimes' } }, "at '/image/pullPolicy'"],
    ['a pull secret without a name', { imagePullSecrets: [{}] }, "at '/imagePullSecrets/0'"],
    ['an unknown key of a Secret', { externalSecret: { data: { jwt: { key: 'a' } } } }, "at '/externalSecret/data'"],
    [
      'a remote key without a name',
      { externalSecret: { data: { 'jwt-secret': {} } } },
      "at '/externalSecret/data/jwt-secret'",
    ],
    ['an unknown store', { externalSecret: { store: { kind: 'Vault' } } }, "at '/externalSecret/store/kind'"],
    [
      'a token that is valid too briefly',
      { broker: { files: { serviceAccountToken: { expirationSeconds: 60 } } } },
      "at '/broker/files/serviceAccountToken/expirationSeconds'",
    ],
    ['all memory for Redis', { redis: { maxmemoryPercentage: 100 } }, "at '/redis/maxmemoryPercentage'"],
    ['a fraction of preStop', { timeouts: { preStop: 2.5 } }, "at '/timeouts/preStop'"],
    ["a settle above the gateway's maximum", { timeouts: { settle: 601 } }, "at '/timeouts/settle'"],
    ["a drain above the gateway's maximum", { timeouts: { drain: 3601 } }, "at '/timeouts/drain'"],
    ['no margin', { timeouts: { margin: 0 } }, "at '/timeouts/margin'"],
    ['no grace period', { terminationGracePeriodSeconds: 0 }, "at '/terminationGracePeriodSeconds'"],
    ['a surge that is not a number', { rollingUpdate: { maxSurge: 'all' } }, "at '/rollingUpdate/maxSurge'"],
    ['an unknown autoscaler', { autoscaling: { provider: 'vpa' } }, "at '/autoscaling/provider'"],
    ['autoscaling to nothing', { autoscaling: { minReplicas: 0 } }, "at '/autoscaling/minReplicas'"],
    ['a metric without a type', { autoscaling: { extraMetrics: [{}] } }, "at '/autoscaling/extraMetrics/0'"],
    ['a trigger without metadata', { autoscaling: { keda: { extraTriggers: [{ type: 'cpu' }] } } }, "extraTriggers/0'"],
    ['a probe without a period', { probes: { liveness: { periodSeconds: 0 } } }, "at '/probes/liveness/periodSeconds'"],
    ['the whole limit for the heap', { heapPercentage: 100 }, "at '/heapPercentage'"],
    [
      'an invalid port',
      { networkPolicy: { egress: { jwks: { ports: [0] } } } },
      "at '/networkPolicy/egress/jwks/ports/0'",
    ],
    ['an unknown spread', { topologySpread: { zones: 'always' } }, "at '/topologySpread/zones'"],
    ['a rule without an expression', { metrics: { prometheusRule: { extraRules: [{}] } } }, 'extraRules/0'],
    [
      'a secret for an unknown variable',
      { extraSecretFiles: [{ variable: 'SECRET', secret: 'a', key: 'b' }] },
      'extraSecretFiles/0',
    ],
    ['a variable without a name', { extraEnv: [{ value: 'a' }] }, "at '/extraEnv/0'"],
    ['a volume without a name', { extraVolumes: [{}] }, "at '/extraVolumes/0'"],
    ['a mount without a path', { extraVolumeMounts: [{ name: 'a' }] }, "at '/extraVolumeMounts/0'"],
    ['a container without an image', { sidecars: [{ name: 'a' }] }, "at '/sidecars/0'"],
    ['an init container without an image', { initContainers: [{ name: 'a' }] }, "at '/initContainers/0'"],
    ['an extra object that is not an object', { extraObjects: [1] }, "at '/extraObjects/0'"],
  ])('refuses %s', async (_, values, message) => {
    expect(await refusal(values)).toContain(message);
  });

  it('accepts large numbers unchanged', async () => {
    const { deployment, yaml } = await render({
      config: {
        connection: { maxPayload: 16_777_216, maxBuffered: 268_435_456 },
        namespaceDefaults: { positionTtl: 31_536_000 },
      },
      replicaCount: 1_000_000,
      progressDeadlineSeconds: 31_536_000,
    });
    expect(yaml).not.toMatch(/\de\+/);
    expect(yaml).toContain('maxBuffered: 268435456\n');
    expect(yaml).toContain('positionTtl: 31536000\n');
    expect(deployment.spec).toMatchObject({ replicas: 1_000_000, progressDeadlineSeconds: 31_536_000 });
  });

  it('allows null to remove a default', async () => {
    const { deployment } = await render({ resources: { limits: null }, podSecurityContext: { fsGroup: null } });
    const { containers, securityContext } = deployment.spec.template.spec;
    expect(containers[0].resources).toEqual({ requests: { cpu: '100m', memory: '128Mi' } });
    expect(securityContext).not.toHaveProperty('fsGroup');
  });

  it('accepts values from --set', async () => {
    const { deployment } = await render({}, { args: ['--set', 'replicaCount=5', '--set', 'timeouts.settle=12'] });
    expect(deployment.spec.replicas).toBe(5);
  });

  it('is also checked by helm lint', async () => {
    const { CHART } = await import('./support/helm.ts');
    await expect(helm(['lint', CHART, '--set', 'replicas=4'])).rejects.toBeInstanceOf(HelmError);
  });
});
