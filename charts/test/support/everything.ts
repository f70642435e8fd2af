/** Values that enable every disabled feature of the chart, as far as they can be combined. */
export const EVERYTHING = {
  commonLabels: { team: 'a' },
  image: { digest: `sha256:${'0'.repeat(64)}` },
  imagePullSecrets: [{ name: 'pull' }],
  redis: { persistence: { enabled: true, storageClass: 'fast' }, nodeSelector: { disk: 'ssd' } },
  broker: {
    files: { existingSecret: 'files', existingConfigMap: 'ca', serviceAccountToken: { audience: 'kafka' } },
    migration: {
      enabled: true,
      existingSecret: 'owner',
      grantTo: ['gateway'],
      initContainers: [{ name: 'proxy', image: 'proxy:1', restartPolicy: 'Always' }],
      annotations: { a: 'b' },
    },
  },
  rollingUpdate: { maxSurge: '100%' },
  autoscaling: {
    enabled: true,
    extraMetrics: [
      { type: 'Resource', resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 80 } } },
    ],
  },
  podDisruptionBudget: { maxUnavailable: '25%' },
  networkPolicy: {
    enabled: true,
    controllers: [{ namespaceSelector: { matchLabels: { a: 'b' } } }],
    ipBlocks: ['10.0.0.0/8'],
    monitoring: [{ podSelector: {} }],
    egress: { jwks: { ports: [443] }, webhooks: { to: [{ ipBlock: { cidr: '10.0.0.0/8' } }], ports: [443] } },
  },
  nodeSelector: { disk: 'ssd' },
  tolerations: [{ key: 'a', operator: 'Exists' }],
  priorityClassName: 'system-cluster-critical',
  podAnnotations: { a: 'b' },
  extraEnv: [{ name: 'A', value: 'b' }],
  extraVolumes: [{ name: 'a', emptyDir: {} }],
  extraVolumeMounts: [{ name: 'a', mountPath: '/a' }],
  initContainers: [{ name: 'a', image: 'a:1' }],
  sidecars: [{ name: 'b', image: 'b:1', resources: { requests: { cpu: '10m', memory: '16Mi' } } }],
  extraObjects: ['apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: extra\n  namespace: test-ns\n'],
  metrics: { serviceMonitor: { enabled: true }, prometheusRule: { enabled: true }, dashboard: { enabled: true } },
};

/** Values that cannot be combined with the others. */
export const KEDA = {
  autoscaling: {
    enabled: true,
    provider: 'keda',
    keda: { prometheus: 'http://prometheus:9090', extraTriggers: [{ type: 'cpu', metadata: { value: '70' } }] },
  },
};

export const EXTERNAL_SECRET = {
  externalSecret: {
    enabled: true,
    store: { name: 'vault' },
    data: {
      'jwt-secret': { key: 'holdfast', property: 'jwt' },
      'api-keys': { key: 'holdfast', property: 'api' },
      'broker-url': { key: 'holdfast', property: 'broker' },
    },
  },
};
