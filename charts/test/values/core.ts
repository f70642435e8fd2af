import type { Manifest, Manifests } from '../support/helm.ts';
import type { ValueCase } from './case.ts';

const pod = ({ deployment }: Manifests) => deployment.spec.template.spec;
const container = (manifests: Manifests) => pod(manifests).containers[0];
const redis = (manifests: Manifests): Manifest => manifests.get('Deployment', 'test-holdfast-redis');
const redisPod = (manifests: Manifests) => redis(manifests).spec.template.spec;
const volume = (manifests: Manifests, name: string) =>
  pod(manifests).volumes.find((candidate: { name: string }) => candidate.name === name);
const secretSources = (manifests: Manifests): unknown[] =>
  volume(manifests, 'secrets').projected.sources.map(
    ({ secret }: { secret: { name: string; items: [{ key: string }] } }) => `${secret.name}/${secret.items[0].key}`,
  );
/** The files of the broker, and where they are mounted. */
const brokerFiles = (manifests: Manifests): unknown[] => [
  volume(manifests, 'broker')?.projected.sources[0],
  container(manifests).volumeMounts.find(({ name }: { name: string }) => name === 'broker')?.mountPath,
];
const secret = (manifests: Manifests, key: string): string | undefined => {
  const text = manifests.find('Secret', 'test-holdfast')[0]?.data?.[key];
  return text === undefined ? undefined : Buffer.from(text, 'base64').toString();
};
const migration = (manifests: Manifests) => manifests.find('Job')[0]?.spec.template;
const MIGRATION = { broker: { existingSecret: 'mine', migration: { enabled: true } } };
const OWNER = { broker: { migration: { enabled: true, existingSecret: 'owner' } } };
const verify = (manifests: Manifests) => manifests.get('Pod');
const policy = (manifests: Manifests) => manifests.find('NetworkPolicy', 'test-holdfast')[0]?.spec;

const LONG = 'a value of more than thirty-two bytes';
const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const EXTERNAL = {
  externalSecret: {
    enabled: true,
    store: { name: 'vault' },
    data: { 'jwt-secret': { key: 'jwt' }, 'api-keys': { key: 'api' } },
  },
};
const HPA = { autoscaling: { enabled: true } };
const KEDA = { autoscaling: { enabled: true, provider: 'keda', keda: { prometheus: 'http://prometheus' } } };
const hpa = (manifests: Manifests) => manifests.find('HorizontalPodAutoscaler')[0]?.spec;
const scaledObject = (manifests: Manifests) => manifests.find('ScaledObject')[0]?.spec;
const PEER = { namespaceSelector: { matchLabels: { team: 'a' } } };
const NETWORK_POLICY = { networkPolicy: { enabled: true, controllers: [{ podSelector: {} }] } };
const EXTERNAL_BROKER = { ...NETWORK_POLICY, broker: { url: 'redis://redis.example' } };
const SERVICE_MONITOR = { metrics: { serviceMonitor: { enabled: true } } };
const PROMETHEUS_RULE = { metrics: { prometheusRule: { enabled: true } } };
const DASHBOARD = { metrics: { dashboard: { enabled: true } } };
const PERSISTENCE = { redis: { persistence: { enabled: true } } };
const COOKIE = { ingress: { enabled: true, hosts: ['ws.example'] }, sessionAffinity: { mode: 'cookie' } };
const TOLERATION = { key: 'spot', operator: 'Exists' };
const NODE_AFFINITY = { preferredDuringSchedulingIgnoredDuringExecution: [] };
const AFFINITY = { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } };

/** The service level objectives: the names of their values, and how they are recorded. */
const OBJECTIVES = {
  publishSuccess: 'publish-success',
  deliveryLatency: 'delivery-latency',
  gaps: 'gaps',
  connectionsKept: 'connections-kept',
};
const rulesOf = (manifests: Manifests): { readonly alert?: string; readonly expr: string }[] =>
  (manifests.find('PrometheusRule')[0]?.spec.groups ?? []).flatMap(({ rules }: { rules: object[] }) => rules);
const burnAlerts = (manifests: Manifests, slo: string): string[] =>
  rulesOf(manifests)
    .filter(({ alert, expr }) => alert !== undefined && expr.includes(`slo="${slo}"`))
    .map(({ expr }) => expr);

export const cases: Readonly<Record<string, ValueCase>> = {
  nameOverride: {
    value: 'ws',
    look: ({ deployment }) => deployment.spec.selector.matchLabels['app.kubernetes.io/name'],
    expect: 'ws',
  },
  fullnameOverride: { value: 'ws', look: ({ deployment }) => deployment.metadata.name, expect: 'ws' },
  commonLabels: {
    value: { team: '{{ .Release.Name }}-team' },
    look: ({ all, deployment }) => [
      ...new Set(all.map(({ metadata }) => metadata.labels?.['team'])),
      deployment.spec.template.metadata.labels.team,
      deployment.spec.selector.matchLabels.team,
    ],
    expect: ['test-team', 'test-team', undefined],
  },
  commonAnnotations: {
    value: { team: 'a' },
    look: ({ all }) => [...new Set(all.map(({ metadata }) => metadata.annotations?.['team']))],
    expect: ['a'],
  },
  global: {
    value: { imageRegistry: 'mirror.test', imagePullSecrets: ['pull', { name: 'other' }], storageClass: 'fast' },
    with: { ...OWNER, ...PERSISTENCE, imagePullSecrets: ['pull'] },
    look: (m) => [
      ...[pod(m), redisPod(m), verify(m).spec, migration(m).spec].map(({ containers, imagePullSecrets }) => [
        containers[0].image,
        imagePullSecrets,
      ]),
      m.get('PersistentVolumeClaim').spec.storageClassName,
    ],
    expect: [
      ['mirror.test/holdfast/gateway:0.1.0', [{ name: 'pull' }, { name: 'other' }]],
      ['mirror.test/library/redis:8.8.3-alpine', [{ name: 'pull' }, { name: 'other' }]],
      ['mirror.test/holdfast/gateway:0.1.0', [{ name: 'pull' }, { name: 'other' }]],
      ['mirror.test/holdfast/gateway:0.1.0', [{ name: 'pull' }, { name: 'other' }]],
      'fast',
    ],
  },

  'image.registry': {
    value: 'mirror.test',
    look: (m) => container(m).image,
    expect: 'mirror.test/holdfast/gateway:0.1.0',
  },
  'image.repository': {
    value: 'ours/gateway',
    look: (m) => container(m).image,
    expect: 'docker.io/ours/gateway:0.1.0',
  },
  'image.tag': { value: '9.9.9', look: (m) => container(m).image, expect: 'docker.io/holdfast/gateway:9.9.9' },
  'image.digest': {
    value: DIGEST,
    with: { image: { tag: '9.9.9' } },
    look: (m) => [container(m).image, verify(m).spec.containers[0].image],
    expect: [`docker.io/holdfast/gateway@${DIGEST}`, `docker.io/holdfast/gateway@${DIGEST}`],
  },
  'image.pullPolicy': { value: 'Always', look: (m) => container(m).imagePullPolicy, expect: 'Always' },
  imagePullSecrets: {
    value: [{ name: 'pull' }],
    look: (m) => [pod(m), redisPod(m), verify(m).spec].map(({ imagePullSecrets }) => imagePullSecrets),
    expect: [[{ name: 'pull' }], [{ name: 'pull' }], [{ name: 'pull' }]],
  },

  replicaCount: { value: 5, look: ({ deployment }) => deployment.spec.replicas, expect: 5 },
  config: {
    value: { keyWindow: 31_536, namespaces: { news: { presence: true } } },
    look: (m) => m.config,
    expect: 'drain:\n  settle: 15\n  window: 30\nkeyWindow: 31536\nnamespaces:\n  news:\n    presence: true\n',
  },

  'auth.generate': {
    value: false,
    refused: 'auth.jwtSecret.existingSecret: expected the name of a Secret, because auth.generate is false',
  },
  'auth.jwtSecret.enabled': {
    value: false,
    look: (m) => [secret(m, 'jwt-secret'), secretSources(m).length],
    expect: [undefined, 2],
  },
  'auth.jwtSecret.value': { value: LONG, look: (m) => secret(m, 'jwt-secret'), expect: LONG },
  'auth.jwtSecret.existingSecret': {
    value: 'mine',
    look: (m) => [secret(m, 'jwt-secret'), secretSources(m)[0]],
    expect: [undefined, 'mine/jwt-secret'],
  },
  'auth.jwtSecret.key': {
    value: 'hmac',
    with: { auth: { jwtSecret: { existingSecret: 'mine' } } },
    look: (m) => secretSources(m)[0],
    expect: 'mine/hmac',
  },
  'auth.apiKeys.enabled': {
    value: false,
    look: (m) => [secret(m, 'api-keys'), secretSources(m).length],
    expect: [undefined, 2],
  },
  'auth.apiKeys.value': { value: LONG, look: (m) => secret(m, 'api-keys'), expect: LONG },
  'auth.apiKeys.existingSecret': {
    value: 'mine',
    look: (m) => [secret(m, 'api-keys'), secretSources(m)[1]],
    expect: [undefined, 'mine/api-keys'],
  },
  'auth.apiKeys.key': {
    value: 'keys',
    with: { auth: { apiKeys: { existingSecret: 'mine' } } },
    look: (m) => secretSources(m)[1],
    expect: 'mine/keys',
  },
  'auth.adminKeys.enabled': {
    value: true,
    look: (m) => [secret(m, 'admin-keys')?.length, secretSources(m)[2]],
    expect: [48, 'test-holdfast/admin-keys'],
  },
  'auth.adminKeys.value': {
    value: LONG,
    with: { auth: { adminKeys: { enabled: true } } },
    look: (m) => secret(m, 'admin-keys'),
    expect: LONG,
  },
  'auth.adminKeys.existingSecret': {
    value: 'mine',
    with: { auth: { adminKeys: { enabled: true } } },
    look: (m) => [secret(m, 'admin-keys'), secretSources(m)[2]],
    expect: [undefined, 'mine/admin-keys'],
  },
  'auth.adminKeys.key': {
    value: 'admins',
    with: { auth: { adminKeys: { enabled: true, existingSecret: 'mine' } } },
    look: (m) => secretSources(m)[2],
    expect: 'mine/admins',
  },
  extraSecretFiles: {
    value: [{ variable: 'HOLDFAST_JWT_PUBLIC_KEY', secret: 'mine', key: 'pem' }],
    look: (m) => [
      volume(m, 'secrets').projected.sources.at(-1),
      container(m).env.find(({ name }: { name: string }) => name === 'HOLDFAST_JWT_PUBLIC_KEY_FILE')?.value,
    ],
    expect: [
      { secret: { name: 'mine', items: [{ key: 'pem', path: 'jwt-public-key' }] } },
      '/etc/holdfast/secrets/jwt-public-key',
    ],
  },
  'externalSecret.enabled': {
    value: true,
    with: { externalSecret: { ...EXTERNAL.externalSecret, enabled: false } },
    look: (m) => [m.find('ExternalSecret').length, m.find('Secret', 'test-holdfast').length, secretSources(m)[0]],
    expect: [1, 0, 'test-holdfast/jwt-secret'],
  },
  'externalSecret.store.name': {
    value: 'aws',
    with: EXTERNAL,
    look: (m) => m.find('ExternalSecret')[0]?.spec.secretStoreRef,
    expect: { name: 'aws', kind: 'ClusterSecretStore' },
  },
  'externalSecret.store.kind': {
    value: 'SecretStore',
    with: EXTERNAL,
    look: (m) => m.find('ExternalSecret')[0]?.spec.secretStoreRef,
    expect: { name: 'vault', kind: 'SecretStore' },
  },
  'externalSecret.refreshInterval': {
    value: '5m',
    with: EXTERNAL,
    look: (m) => m.find('ExternalSecret')[0]?.spec.refreshInterval,
    expect: '5m',
  },
  'externalSecret.data': {
    value: {
      'jwt-secret': { key: 'prod', property: 'jwt' },
      'api-keys': { key: 'prod', property: 'api' },
      'broker-url': { key: 'prod', property: 'redis' },
    },
    with: EXTERNAL,
    look: (m) => [
      m
        .find('ExternalSecret')[0]
        ?.spec.data.map(({ remoteRef: { key, property } }: { remoteRef: Record<string, string> }) => [key, property]),
      secretSources(m)[2],
      m.find('Deployment').length,
    ],
    expect: [
      [
        ['prod', 'api'],
        ['prod', 'redis'],
        ['prod', 'jwt'],
      ],
      'test-holdfast/broker-url',
      1,
    ],
  },

  'broker.url': {
    value: 'rediss://u:p@redis.example:6380',
    look: (m) => [secret(m, 'broker-url'), secretSources(m)[2], m.find('Deployment').length],
    expect: ['rediss://u:p@redis.example:6380', 'test-holdfast/broker-url', 1],
  },
  'broker.existingSecret': {
    value: 'mine',
    look: (m) => [secretSources(m)[2], m.find('Deployment').length],
    expect: ['mine/broker-url', 1],
  },
  'broker.files.existingSecret': {
    value: 'files',
    look: brokerFiles,
    expect: [{ secret: { name: 'files' } }, '/etc/holdfast/broker'],
  },
  'broker.files.existingConfigMap': {
    value: 'ca',
    look: brokerFiles,
    expect: [{ configMap: { name: 'ca' } }, '/etc/holdfast/broker'],
  },
  'broker.files.serviceAccountToken.audience': {
    value: 'kafka',
    look: brokerFiles,
    expect: [
      { serviceAccountToken: { path: 'token', audience: 'kafka', expirationSeconds: 3600 } },
      '/etc/holdfast/broker',
    ],
  },
  'broker.files.serviceAccountToken.expirationSeconds': {
    value: 600,
    with: { broker: { files: { serviceAccountToken: { audience: 'kafka' } } } },
    look: brokerFiles,
    expect: [
      { serviceAccountToken: { path: 'token', audience: 'kafka', expirationSeconds: 600 } },
      '/etc/holdfast/broker',
    ],
  },
  'broker.key': {
    value: 'url',
    with: { broker: { existingSecret: 'mine' } },
    look: (m) => secretSources(m)[2],
    expect: 'mine/url',
  },
  'broker.migration.enabled': {
    value: true,
    with: { broker: { existingSecret: 'mine', key: 'url' } },
    look: (m) => [migration(m)?.spec.containers[0].command, migration(m)?.spec.volumes[0].secret],
    expect: [
      ['/usr/local/bin/holdfast', 'migrate'],
      { secretName: 'mine', defaultMode: 0o440, items: [{ key: 'url', path: 'broker-url' }] },
    ],
  },
  'broker.migration.existingSecret': {
    value: 'owner',
    with: MIGRATION,
    look: (m) => [migration(m).spec.volumes[0].secret.secretName, secretSources(m)[2]],
    expect: ['owner', 'mine/broker-url'],
  },
  'broker.migration.key': {
    value: 'owner-url',
    with: OWNER,
    look: (m) => migration(m).spec.volumes[0].secret.items,
    expect: [{ key: 'owner-url', path: 'broker-url' }],
  },
  'broker.migration.grantTo': {
    value: ['gateway', 'canary'],
    with: OWNER,
    look: (m) => migration(m).spec.containers[0].args,
    expect: ['--url-file=/etc/holdfast/secrets/broker-url', '--grant=gateway', '--grant=canary'],
  },
  'broker.migration.serviceAccountName': {
    value: 'database',
    with: OWNER,
    look: (m) => migration(m).spec.serviceAccountName,
    expect: 'database',
  },
  'broker.migration.initContainers': {
    value: [{ name: 'proxy', image: 'proxy:1', restartPolicy: 'Always' }],
    with: OWNER,
    look: (m) => migration(m).spec.initContainers,
    expect: [{ name: 'proxy', image: 'proxy:1', restartPolicy: 'Always' }],
  },
  'broker.migration.labels': {
    value: { a: 'b' },
    with: OWNER,
    look: (m) => migration(m).metadata.labels.a,
    expect: 'b',
  },
  'broker.migration.annotations': {
    value: { a: 'b' },
    with: OWNER,
    look: (m) => migration(m).metadata.annotations,
    expect: { a: 'b' },
  },
  'redis.enabled': {
    value: false,
    with: { replicaCount: 1 },
    look: (m) => [m.find('Deployment').length, secretSources(m).length],
    expect: [1, 2],
  },
  'redis.image.registry': {
    value: 'mirror.test',
    look: (m) => redisPod(m).containers[0].image,
    expect: 'mirror.test/library/redis:8.8.3-alpine',
  },
  'redis.image.repository': {
    value: 'ours/redis',
    look: (m) => redisPod(m).containers[0].image,
    expect: 'docker.io/ours/redis:8.8.3-alpine',
  },
  'redis.image.tag': {
    value: '7.0.15-bookworm',
    look: (m) => redisPod(m).containers[0].image,
    expect: 'docker.io/library/redis:7.0.15-bookworm',
  },
  'redis.image.digest': {
    value: DIGEST,
    look: (m) => redisPod(m).containers[0].image,
    expect: `docker.io/library/redis@${DIGEST}`,
  },
  'redis.image.pullPolicy': {
    value: 'Always',
    look: (m) => redisPod(m).containers[0].imagePullPolicy,
    expect: 'Always',
  },
  'redis.existingSecret': {
    value: 'mine',
    look: (m) => [
      m.find('Secret', 'test-holdfast-redis').length,
      secretSources(m)[2],
      redisPod(m).volumes[1].secret.secretName,
    ],
    expect: [0, 'mine/broker-url', 'mine'],
  },
  'redis.resources': {
    value: { limits: { memory: '1Gi' } },
    look: (m) => [
      redisPod(m).containers[0].resources.limits,
      /maxmemory (\d+)/.exec(m.get('ConfigMap', 'test-holdfast-redis').data?.['redis.conf'] ?? '')?.[1],
    ],
    expect: [{ memory: '1Gi' }, String(Math.floor(0.6 * 2 ** 30))],
  },
  'redis.maxmemoryPercentage': {
    value: 50,
    look: (m) => /maxmemory (\d+)/.exec(m.get('ConfigMap', 'test-holdfast-redis').data?.['redis.conf'] ?? '')?.[1],
    expect: String(128 * 2 ** 20),
  },
  'redis.persistence.enabled': {
    value: true,
    look: (m) => [
      redisPod(m).volumes[2],
      m.find('PersistentVolumeClaim').map(({ metadata }) => metadata.name),
      m.get('ConfigMap', 'test-holdfast-redis').data?.['redis.conf']?.includes('appendonly yes'),
    ],
    expect: [
      { name: 'data', persistentVolumeClaim: { claimName: 'test-holdfast-redis' } },
      ['test-holdfast-redis'],
      true,
    ],
  },
  'redis.persistence.existingClaim': {
    value: 'mine',
    with: PERSISTENCE,
    look: (m) => [redisPod(m).volumes[2].persistentVolumeClaim, m.find('PersistentVolumeClaim').length],
    expect: [{ claimName: 'mine' }, 0],
  },
  'redis.persistence.storageClass': {
    value: 'fast',
    with: PERSISTENCE,
    look: (m) => m.get('PersistentVolumeClaim').spec.storageClassName,
    expect: 'fast',
  },
  'redis.persistence.size': {
    value: '5Gi',
    with: PERSISTENCE,
    look: (m) => m.get('PersistentVolumeClaim').spec.resources.requests.storage,
    expect: '5Gi',
  },
  'redis.persistence.annotations': {
    value: { 'helm.sh/resource-policy': 'keep' },
    with: PERSISTENCE,
    look: (m) => m.get('PersistentVolumeClaim').metadata.annotations,
    expect: { 'helm.sh/resource-policy': 'keep' },
  },
  'redis.labels': {
    value: { team: 'a' },
    look: (m) => [redis(m).spec.template.metadata.labels.team, redis(m).spec.selector.matchLabels.team],
    expect: ['a', undefined],
  },
  'redis.annotations': {
    value: { team: 'a' },
    look: (m) => redis(m).spec.template.metadata.annotations.team,
    expect: 'a',
  },
  'redis.priorityClassName': { value: 'high', look: (m) => redisPod(m).priorityClassName, expect: 'high' },
  'redis.nodeSelector': { value: { disk: 'ssd' }, look: (m) => redisPod(m).nodeSelector, expect: { disk: 'ssd' } },
  'redis.tolerations': { value: [TOLERATION], look: (m) => redisPod(m).tolerations, expect: [TOLERATION] },
  'redis.affinity': { value: AFFINITY, look: (m) => redisPod(m).affinity, expect: AFFINITY },
  'redis.podSecurityContext': {
    value: { runAsUser: 1000 },
    look: (m) => redisPod(m).securityContext.runAsUser,
    expect: 1000,
  },

  'timeouts.preStop': {
    value: 0,
    look: (m) => [container(m).lifecycle, pod(m).terminationGracePeriodSeconds],
    expect: [undefined, 55],
  },
  'timeouts.settle': {
    value: 12.5,
    look: (m) => [m.config, pod(m).terminationGracePeriodSeconds],
    expect: ['drain:\n  settle: 12.5\n  window: 30\n', 58],
  },
  'timeouts.drain': {
    value: 3600,
    look: (m) => [m.config, pod(m).terminationGracePeriodSeconds],
    expect: ['drain:\n  settle: 15\n  window: 3600\n', 3630],
  },
  'timeouts.margin': { value: 20, look: (m) => pod(m).terminationGracePeriodSeconds, expect: 70 },
  terminationGracePeriodSeconds: {
    value: 300,
    look: (m) => pod(m).terminationGracePeriodSeconds,
    expect: 300,
  },

  'rollingUpdate.maxUnavailable': {
    value: '25%',
    look: ({ deployment }) => deployment.spec.strategy.rollingUpdate,
    expect: { maxUnavailable: '25%', maxSurge: 1 },
  },
  'rollingUpdate.maxSurge': {
    value: '100%',
    look: ({ deployment }) => deployment.spec.strategy.rollingUpdate,
    expect: { maxUnavailable: 0, maxSurge: '100%' },
  },
  minReadySeconds: { value: 15, look: ({ deployment }) => deployment.spec.minReadySeconds, expect: 15 },
  progressDeadlineSeconds: {
    value: 31_536_000,
    look: ({ deployment }) => deployment.spec.progressDeadlineSeconds,
    expect: 31_536_000,
  },
  revisionHistoryLimit: {
    value: 2,
    look: (m) => [m.deployment, redis(m)].map(({ spec }) => spec.revisionHistoryLimit),
    expect: [2, 2],
  },

  'autoscaling.enabled': {
    value: true,
    look: (m) => [hpa(m)?.scaleTargetRef, m.deployment.spec.replicas],
    expect: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'test-holdfast' }, undefined],
  },
  'autoscaling.provider': {
    value: 'keda',
    with: { autoscaling: { enabled: true, keda: { prometheus: 'http://prometheus' } } },
    look: (m) => [
      scaledObject(m)?.scaleTargetRef,
      m.find('HorizontalPodAutoscaler').length,
      m.deployment.spec.replicas,
    ],
    expect: [{ name: 'test-holdfast' }, 0, undefined],
  },
  'autoscaling.minReplicas': { value: 2, with: HPA, look: (m) => hpa(m).minReplicas, expect: 2 },
  'autoscaling.maxReplicas': { value: 40, with: HPA, look: (m) => hpa(m).maxReplicas, expect: 40 },
  'autoscaling.targetCPUUtilizationPercentage': {
    value: 200,
    with: HPA,
    look: (m) => hpa(m).metrics[0].resource,
    expect: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 200 } },
  },
  'autoscaling.extraMetrics': {
    value: [{ type: 'Pods', pods: { metric: { name: 'holdfast_connections' } } }],
    with: HPA,
    look: (m) => hpa(m).metrics.slice(1),
    expect: [{ type: 'Pods', pods: { metric: { name: 'holdfast_connections' } } }],
  },
  'autoscaling.behavior': {
    value: { scaleDown: { selectPolicy: 'Disabled' } },
    with: HPA,
    look: (m) => hpa(m).behavior,
    expect: { scaleDown: { selectPolicy: 'Disabled' } },
  },
  'autoscaling.keda.connections': {
    value: 10_000_000,
    with: KEDA,
    look: (m) => scaledObject(m).triggers[0].metadata.threshold,
    expect: '10000000',
  },
  'autoscaling.keda.prometheus': {
    value: 'http://thanos:9090',
    with: KEDA,
    look: (m) => scaledObject(m).triggers[0].metadata.serverAddress,
    expect: 'http://thanos:9090',
  },
  'autoscaling.keda.query': {
    value: 'sum(x{a="b"})',
    with: KEDA,
    look: (m) => scaledObject(m).triggers[0].metadata.query,
    expect: 'sum(x{a="b"})',
  },
  'autoscaling.keda.authenticationRef.name': {
    value: 'prometheus',
    with: KEDA,
    look: (m) => scaledObject(m).triggers[0].authenticationRef,
    expect: { name: 'prometheus', kind: 'TriggerAuthentication' },
  },
  'autoscaling.keda.authenticationRef.kind': {
    value: 'ClusterTriggerAuthentication',
    with: { autoscaling: { ...KEDA.autoscaling, keda: { prometheus: 'http://p', authenticationRef: { name: 'p' } } } },
    look: (m) => scaledObject(m).triggers[0].authenticationRef,
    expect: { name: 'p', kind: 'ClusterTriggerAuthentication' },
  },
  'autoscaling.keda.metadata': {
    value: { authModes: 'bearer', ignoreNullValues: 'true' },
    with: KEDA,
    look: (m) => ({ ...scaledObject(m).triggers[0].metadata, query: undefined }),
    expect: {
      serverAddress: 'http://prometheus',
      threshold: '5000',
      authModes: 'bearer',
      ignoreNullValues: 'true',
    },
  },
  'autoscaling.keda.pollingInterval': {
    value: 60,
    with: KEDA,
    look: (m) => scaledObject(m).pollingInterval,
    expect: 60,
  },
  'autoscaling.keda.extraTriggers': {
    value: [{ type: 'cpu', metadata: { value: '70' } }],
    with: KEDA,
    look: (m) => scaledObject(m).triggers.slice(1),
    expect: [{ type: 'cpu', metadata: { value: '70' } }],
  },
  'podDisruptionBudget.enabled': { value: false, look: (m) => m.find('PodDisruptionBudget').length, expect: 0 },
  'podDisruptionBudget.maxUnavailable': {
    value: '25%',
    look: (m) => m.get('PodDisruptionBudget').spec.maxUnavailable,
    expect: '25%',
  },

  ...probeCases('liveness'),
  ...probeCases('readiness'),

  resources: {
    value: { limits: { memory: '1Gi', 'ephemeral-storage': '1Gi' } },
    look: (m) => container(m).resources.limits,
    expect: { cpu: '500m', memory: '1Gi', 'ephemeral-storage': '1Gi' },
  },
  heapPercentage: {
    value: 75,
    look: (m) => container(m).env.find(({ name }: { name: string }) => name === 'NODE_OPTIONS').value,
    expect: '--max-old-space-size-percentage=75',
  },

  'serviceAccount.create': {
    value: false,
    look: (m) => [m.find('ServiceAccount').length, pod(m).serviceAccountName],
    expect: [0, 'default'],
  },
  'serviceAccount.name': {
    value: 'ours',
    look: (m) => [m.find('ServiceAccount').map(({ metadata }) => metadata.name), pod(m).serviceAccountName],
    expect: [['ours'], 'ours'],
  },
  'serviceAccount.annotations': {
    value: { 'iam.gke.io/gcp-service-account': 'a' },
    look: (m) => m.get('ServiceAccount').metadata.annotations,
    expect: { 'iam.gke.io/gcp-service-account': 'a' },
  },
  openshift: {
    value: 'always',
    look: (m) => [pod(m), redisPod(m), verify(m).spec].map(({ securityContext }) => securityContext.runAsUser),
    expect: [undefined, undefined, undefined],
  },
  podSecurityContext: {
    value: { runAsUser: null, runAsGroup: null, fsGroup: null },
    look: (m) => [pod(m), verify(m).spec].map(({ securityContext }) => securityContext),
    expect: [
      { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    ],
  },
  securityContext: {
    value: { readOnlyRootFilesystem: false },
    look: (m) => container(m).securityContext.readOnlyRootFilesystem,
    expect: false,
  },

  'networkPolicy.enabled': {
    value: true,
    with: { networkPolicy: { controllers: [PEER] } },
    look: (m) => m.find('NetworkPolicy').map(({ metadata }) => metadata.name),
    expect: ['test-holdfast', 'test-holdfast-redis'],
  },
  'networkPolicy.controllers': {
    value: [PEER],
    with: { networkPolicy: { enabled: true, apiClients: [{ podSelector: {} }] } },
    look: (m) => [policy(m)?.ingress[0].from[1], policy(m)?.ingress[0].ports],
    expect: [PEER, [{ port: 8000 }]],
  },
  'networkPolicy.ipBlocks': {
    value: ['10.0.0.0/8'],
    with: NETWORK_POLICY,
    look: (m) => policy(m)?.ingress[0].from[2],
    expect: { ipBlock: { cidr: '10.0.0.0/8' } },
  },
  'networkPolicy.apiClients': {
    value: [PEER],
    with: NETWORK_POLICY,
    look: (m) => policy(m)?.ingress[0].from[2],
    expect: PEER,
  },
  'networkPolicy.monitoring': {
    value: [PEER],
    with: NETWORK_POLICY,
    look: (m) => policy(m)?.ingress[1],
    expect: { from: [PEER], ports: [{ port: 8001 }] },
  },
  'networkPolicy.extraIngress': {
    value: [{ from: [PEER] }],
    with: NETWORK_POLICY,
    look: (m) => policy(m)?.ingress.at(-1),
    expect: { from: [PEER] },
  },
  'networkPolicy.egress.broker.to': {
    value: [{ ipBlock: { cidr: '10.1.2.0/24' } }],
    with: EXTERNAL_BROKER,
    look: (m) => policy(m)?.egress[1],
    expect: { to: [{ ipBlock: { cidr: '10.1.2.0/24' } }], ports: [{ port: 6379 }] },
  },
  'networkPolicy.egress.broker.ports': {
    value: [6380],
    with: EXTERNAL_BROKER,
    look: (m) => policy(m)?.egress[1],
    expect: { ports: [{ port: 6380 }] },
  },
  'networkPolicy.egress.jwks.to': {
    value: [PEER],
    with: { networkPolicy: { ...NETWORK_POLICY.networkPolicy, egress: { jwks: { ports: [443] } } } },
    look: (m) => policy(m)?.egress.at(-1),
    expect: { to: [PEER], ports: [{ port: 443 }] },
  },
  'networkPolicy.egress.jwks.ports': {
    value: [443],
    with: NETWORK_POLICY,
    look: (m) => policy(m)?.egress.at(-1),
    expect: { ports: [{ port: 443 }] },
  },
  'networkPolicy.egress.webhooks.to': {
    value: [PEER],
    with: { networkPolicy: { ...NETWORK_POLICY.networkPolicy, egress: { webhooks: { ports: [443] } } } },
    look: (m) => policy(m)?.egress.at(-1),
    expect: { to: [PEER], ports: [{ port: 443 }] },
  },
  'networkPolicy.egress.webhooks.ports': {
    value: [8443],
    with: NETWORK_POLICY,
    look: (m) => policy(m)?.egress.at(-1),
    expect: { ports: [{ port: 8443 }] },
  },
  'networkPolicy.egress.extra': {
    value: [{ to: [PEER] }],
    with: NETWORK_POLICY,
    look: (m) => policy(m)?.egress.at(-1),
    expect: { to: [PEER] },
  },

  'topologySpread.zones': {
    value: 'DoNotSchedule',
    look: (m) => spread(m)['topology.kubernetes.io/zone'],
    expect: 'DoNotSchedule',
  },
  'topologySpread.hosts': { value: 'off', look: (m) => spread(m)['kubernetes.io/hostname'], expect: undefined },
  nodeSelector: {
    value: { disk: 'ssd' },
    look: (m) => [pod(m).nodeSelector, verify(m).spec.nodeSelector],
    expect: [{ disk: 'ssd' }, { disk: 'ssd' }],
  },
  tolerations: {
    value: [TOLERATION],
    look: (m) => [pod(m).tolerations, verify(m).spec.tolerations],
    expect: [[TOLERATION], [TOLERATION]],
  },
  affinity: {
    value: { ...AFFINITY, nodeAffinity: NODE_AFFINITY },
    with: OWNER,
    look: (m) => [pod(m), verify(m).spec, migration(m).spec].map((spec) => spec.affinity),
    expect: [
      { ...AFFINITY, nodeAffinity: NODE_AFFINITY },
      { nodeAffinity: NODE_AFFINITY },
      { nodeAffinity: NODE_AFFINITY },
    ],
  },
  priorityClassName: {
    value: 'high',
    with: OWNER,
    look: (m) => [pod(m), verify(m).spec, migration(m).spec].map((spec) => spec.priorityClassName),
    expect: ['high', 'high', 'high'],
  },

  'metrics.serviceMonitor.enabled': {
    value: true,
    look: (m) => m.find('ServiceMonitor')[0]?.spec.endpoints,
    expect: [{ port: 'management', path: '/metrics', interval: '30s', scrapeTimeout: '10s' }],
  },
  'metrics.serviceMonitor.interval': {
    value: '15s',
    with: SERVICE_MONITOR,
    look: (m) => m.get('ServiceMonitor').spec.endpoints[0].interval,
    expect: '15s',
  },
  'metrics.serviceMonitor.scrapeTimeout': {
    value: '5s',
    with: SERVICE_MONITOR,
    look: (m) => m.get('ServiceMonitor').spec.endpoints[0].scrapeTimeout,
    expect: '5s',
  },
  'metrics.serviceMonitor.labels': {
    value: { release: 'prometheus' },
    with: SERVICE_MONITOR,
    look: (m) => m.get('ServiceMonitor').metadata.labels?.['release'],
    expect: 'prometheus',
  },
  'metrics.serviceMonitor.relabelings': {
    value: [{ action: 'labeldrop', regex: 'pod' }],
    with: SERVICE_MONITOR,
    look: (m) => m.get('ServiceMonitor').spec.endpoints[0].relabelings,
    expect: [{ action: 'labeldrop', regex: 'pod' }],
  },
  'metrics.serviceMonitor.metricRelabelings': {
    value: [{ action: 'drop', regex: 'nodejs_.*' }],
    with: SERVICE_MONITOR,
    look: (m) => m.get('ServiceMonitor').spec.endpoints[0].metricRelabelings,
    expect: [{ action: 'drop', regex: 'nodejs_.*' }],
  },
  'metrics.prometheusRule.enabled': {
    value: true,
    look: (m) => m.find('PrometheusRule')[0]?.spec.groups[0].rules[0].expr,
    expect: 'absent(holdfast_connections{namespace="test-ns", pod=~"test-holdfast-[a-z0-9]+-[a-z0-9]{5}"})',
  },
  'metrics.prometheusRule.labels': {
    value: { release: 'prometheus' },
    with: PROMETHEUS_RULE,
    look: (m) => m.get('PrometheusRule').metadata.labels?.['release'],
    expect: 'prometheus',
  },
  'metrics.prometheusRule.extraRules': {
    value: [{ alert: 'Ours', expr: 'vector(1)' }],
    with: PROMETHEUS_RULE,
    look: (m) => m.get('PrometheusRule').spec.groups[0].rules.at(-1),
    expect: { alert: 'Ours', expr: 'vector(1)' },
  },
  'metrics.prometheusRule.runbookUrl': {
    value: 'https://wiki.example/runbooks/',
    with: PROMETHEUS_RULE,
    look: (m) => m.get('PrometheusRule').spec.groups[0].rules[0].annotations.runbook_url,
    expect: 'https://wiki.example/runbooks/HoldfastAbsent.md',
  },
  ...Object.fromEntries(
    Object.entries(OBJECTIVES).flatMap(([value, slo]): [string, ValueCase][] => [
      [
        `metrics.prometheusRule.slos.${value}.enabled`,
        { value: false, with: PROMETHEUS_RULE, look: (m) => burnAlerts(m, slo).length, expect: 0 },
      ],
      [
        `metrics.prometheusRule.slos.${value}.objective`,
        {
          value: 98.5,
          with: PROMETHEUS_RULE,
          look: (m) => burnAlerts(m, slo).filter((expr) => expr.includes('(100 - 98.5) / 100')).length,
          expect: 2,
        },
      ],
    ]),
  ),
  'metrics.prometheusRule.slos.deliveryLatency.seconds': {
    value: 1,
    with: PROMETHEUS_RULE,
    look: (m) => /le=~"[^"]*"/.exec(JSON.stringify(rulesOf(m)).replaceAll('\\"', '"'))?.[0],
    expect: 'le=~"1(.0)?"',
  },
  'metrics.dashboard.enabled': {
    value: true,
    look: (m) =>
      JSON.parse(
        m.find('ConfigMap', 'test-holdfast-dashboard')[0]?.data?.['test-ns-test-holdfast-overview.json'] ?? '{}',
      ).title,
    expect: 'Holdfast: test-ns/test-holdfast',
  },
  'metrics.dashboard.labels': {
    value: { dashboards: 'ours' },
    with: DASHBOARD,
    look: (m) => m.get('ConfigMap', 'test-holdfast-dashboard').metadata.labels?.['dashboards'],
    expect: 'ours',
  },
  'metrics.dashboard.annotations': {
    value: { folder: 'Realtime' },
    with: DASHBOARD,
    look: (m) => m.get('ConfigMap', 'test-holdfast-dashboard').metadata.annotations,
    expect: { folder: 'Realtime' },
  },

  deploymentAnnotations: {
    value: { 'reloader.stakater.com/auto': 'true' },
    look: ({ deployment }) => deployment.metadata.annotations,
    expect: { 'reloader.stakater.com/auto': 'true' },
  },
  podAnnotations: {
    value: { 'prometheus.io/scrape': 'true', template: '{{ secret }}' },
    look: ({ deployment }) => {
      const { 'prometheus.io/scrape': scrape, template } = deployment.spec.template.metadata.annotations;
      return { 'prometheus.io/scrape': scrape, template };
    },
    expect: { 'prometheus.io/scrape': 'true', template: '{{ secret }}' },
  },
  podLabels: {
    value: { 'sidecar.istio.io/inject': 'false' },
    look: ({ deployment }) => [
      deployment.spec.template.metadata.labels['sidecar.istio.io/inject'],
      Object.keys(deployment.spec.selector.matchLabels).length,
    ],
    expect: ['false', 3],
  },
  extraEnv: {
    value: [
      { name: 'HOLDFAST_LOG_LEVEL', value: 'debug' },
      { name: 'NODE_OPTIONS', value: '--max-old-space-size=100' },
      { name: 'HOLDFAST_JWT_SECRET', valueFrom: { secretKeyRef: { name: 'ours', key: 'jwt' } } },
    ],
    look: (m) => container(m).env.map(({ name, value }: { name: string; value?: string }) => [name, value]),
    expect: [
      ['HOLDFAST_CONFIG', '/etc/holdfast/config/config.yaml'],
      ['HOLDFAST_API_KEYS_FILE', '/etc/holdfast/secrets/api-keys'],
      ['HOLDFAST_BROKER_FILE', '/etc/holdfast/secrets/broker-url'],
      ['HOLDFAST_LOG_LEVEL', 'debug'],
      ['NODE_OPTIONS', '--max-old-space-size=100'],
      ['HOLDFAST_JWT_SECRET', undefined],
    ],
  },
  extraEnvFrom: {
    value: [{ secretRef: { name: 'ours' } }],
    look: (m) => container(m).envFrom,
    expect: [{ secretRef: { name: 'ours' } }],
  },
  extraPodSpec: {
    value: { hostAliases: [{ ip: '10.0.0.1', hostnames: ['redis'] }], runtimeClassName: 'gvisor' },
    with: OWNER,
    look: (m) =>
      [pod(m), verify(m).spec, migration(m).spec].map(({ hostAliases, runtimeClassName }) => [
        hostAliases?.[0].ip,
        runtimeClassName,
      ]),
    expect: [
      ['10.0.0.1', 'gvisor'],
      ['10.0.0.1', 'gvisor'],
      ['10.0.0.1', 'gvisor'],
    ],
  },
  extraVolumes: {
    value: [{ name: 'ca', configMap: { name: 'ca' } }],
    look: (m) => volume(m, 'ca'),
    expect: { name: 'ca', configMap: { name: 'ca' } },
  },
  extraVolumeMounts: {
    value: [{ name: 'ca', mountPath: '/etc/ca' }],
    look: (m) => container(m).volumeMounts.at(-1),
    expect: { name: 'ca', mountPath: '/etc/ca' },
  },
  initContainers: {
    value: [{ name: 'wait', image: 'wait:1' }],
    look: (m) => pod(m).initContainers,
    expect: [{ name: 'wait', image: 'wait:1' }],
  },
  sidecars: {
    value: [{ name: 'proxy', image: 'proxy:1' }],
    look: (m) => pod(m).containers.slice(1),
    expect: [{ name: 'proxy', image: 'proxy:1' }],
  },
  extraObjects: {
    value: [
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' }, data: { template: '{{ .password }}' } },
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-two\n',
    ],
    look: (m) => [m.find('ConfigMap', 'one')[0]?.data, m.find('ConfigMap', 'test-two').length],
    expect: [{ template: '{{ .password }}' }, 1],
  },

  'test.enabled': { value: false, look: (m) => m.find('Pod').length, expect: 0 },
  'test.labels': { value: { team: 'a' }, look: (m) => verify(m).metadata.labels?.['team'], expect: 'a' },
  'test.timeout': { value: '5m', look: (m) => verifyArgs(m).includes('--timeout=5m'), expect: true },
  'test.ingressAddress': {
    value: 'traefik.traefik:80',
    with: COOKIE,
    look: (m) => verifyArgs(m).slice(-4),
    expect: [
      '--affinity=cookie',
      '--cookie=route',
      '--ingress-url=ws://ws.example/ws',
      '--ingress-address=traefik.traefik:80',
    ],
  },
  'test.extraArgs': {
    value: ['--namespace=rooms'],
    look: (m) => verifyArgs(m).at(-1),
    expect: '--namespace=rooms',
  },
  'test.annotations': {
    value: { 'sidecar.istio.io/inject': 'false' },
    look: (m) => verify(m).metadata.annotations?.['sidecar.istio.io/inject'],
    expect: 'false',
  },
};

function probeCases(probe: 'liveness' | 'readiness'): Record<string, ValueCase> {
  const members = { initialDelaySeconds: 1, periodSeconds: 7, timeoutSeconds: 3, failureThreshold: 4 };
  return Object.fromEntries(
    Object.entries(members).map(([member, value]) => [
      `probes.${probe}.${member}`,
      { value, with: { timeouts: { settle: 60 } }, look: (m) => container(m)[`${probe}Probe`][member], expect: value },
    ]),
  );
}

function verifyArgs(manifests: Manifests): string[] {
  return verify(manifests).spec.containers[0].args;
}

function spread(manifests: Manifests): Record<string, string> {
  return Object.fromEntries(
    pod(manifests).topologySpreadConstraints.map(
      ({ topologyKey, whenUnsatisfiable }: { topologyKey: string; whenUnsatisfiable: string }) => [
        topologyKey,
        whenUnsatisfiable,
      ],
    ),
  );
}
