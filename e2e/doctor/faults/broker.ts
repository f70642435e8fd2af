import type { Fault } from '../fault.js';

/** Pods of the gateway, in the selectors of policies. */
const GATEWAY = { matchLabels: { 'app.kubernetes.io/component': 'gateway' } };

const egress = (ports: readonly object[]): Readonly<Record<string, unknown>> => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'egress' },
  spec: { podSelector: GATEWAY, policyTypes: ['Egress'], egress: [{ ports }] },
});

export const BROKER: readonly Fault[] = [
  {
    id: 'HF401',
    name: 'Redis is gone',
    make: (patient) => patient.patch('deployment', { spec: { replicas: 0 } }, { name: `${patient.name}-redis` }),
  },
  {
    id: 'HF402',
    name: 'the password of Redis was changed',
    make: async (patient) => {
      const password = await patient.secretOf('redis', 'redis-password');
      await patient.redis(
        ['CONFIG', 'SET', 'requirepass', 'other'],
        ['-a', 'other', 'CONFIG', 'SET', 'requirepass', password],
      );
      await patient.redis(['-a', 'other', 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    },
  },
  {
    id: 'HF403',
    name: 'Redis is full',
    make: (patient) => patient.redis(['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '100mb']),
  },
  {
    id: 'HF404',
    name: 'Redis is a replica',
    make: (patient) => patient.redis(['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']),
  },
  {
    id: 'HF405',
    name: 'Redis is configured to evict',
    make: (patient) =>
      patient.patch(
        'configmap',
        { data: { 'redis.conf': 'maxmemory 100mb\nmaxmemory-policy allkeys-lru\n' } },
        { name: `${patient.name}-redis` },
      ),
  },
  {
    id: 'HF406',
    name: 'a NetworkPolicy does not allow the port of the broker',
    make: (patient) => patient.create(egress([{ port: 53, protocol: 'UDP' }, { port: 9092 }])),
  },
  {
    id: 'HF407',
    name: 'a NetworkPolicy does not allow DNS',
    make: (patient) => patient.create(egress([{ port: 6379 }])),
  },
  {
    id: 'HF408',
    name: 'each pod uses another prefix in Redis',
    make: async (patient) => {
      const url = await patient.secretOf('redis', 'broker-url');
      const pod = { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } };
      await patient.patchPods({
        env: [
          pod,
          { name: 'HOLDFAST_BROKER_FILE', $patch: 'delete' },
          { name: 'HOLDFAST_BROKER', value: `${url}?prefix=$(POD)` },
        ],
      });
    },
  },
  {
    id: 'HF409',
    name: 'three pods without a broker',
    make: (patient) => patient.patchPods({ env: [{ name: 'HOLDFAST_BROKER_FILE', $patch: 'delete' }] }),
  },
];
