import type { Fault } from '../fault.js';

const IMAGE = 'docker.io/holdfast/no-such-image:1';

export const PODS: readonly Fault[] = [
  {
    id: 'HF301',
    name: 'the image is not on the node, and must not be pulled',
    make: (patient) => patient.patchPods({ image: IMAGE, imagePullPolicy: 'Never' }),
  },
  { id: 'HF303', name: 'the registry cannot be reached', make: (patient) => patient.patchPods({ image: IMAGE }) },
  {
    id: 'HF304',
    name: 'a setting is not valid',
    make: (patient) => patient.patchPods({ env: [{ name: 'HOLDFAST_LOG_LEVEL', value: 'loud' }] }),
  },
  {
    id: 'HF305',
    name: 'the memory limit is far too low',
    make: (patient) => patient.patchPods({ resources: { requests: { memory: '20Mi' }, limits: { memory: '20Mi' } } }),
  },
  {
    id: 'HF306',
    name: 'the liveness probe asks a path that does not exist',
    make: (patient) =>
      patient.patchPods({
        livenessProbe: {
          httpGet: { path: '/no-such-path' },
          initialDelaySeconds: 0,
          periodSeconds: 1,
          failureThreshold: 1,
        },
      }),
  },
  {
    id: 'HF307',
    name: 'the process ends with an error',
    make: (patient) => patient.patchPods({ command: ['node', '-e', 'throw new Error("no such luck")'] }),
  },
  {
    id: 'HF308',
    name: 'a ConfigMap for variables is missing',
    make: (patient) => patient.patchPods({ envFrom: [{ configMapRef: { name: 'no-such-map' } }] }),
  },
  {
    id: 'HF308',
    name: 'a Secret for a volume is missing',
    make: (patient) =>
      patient.patchPods(
        { volumeMounts: [{ name: 'more', mountPath: '/more' }] },
        { volumes: [{ name: 'more', secret: { secretName: 'no-such-secret' } }] },
      ),
  },
  {
    id: 'HF309',
    name: 'the command does not exist',
    make: (patient) => patient.patchPods({ command: ['no-such-command'] }),
  },
  {
    id: 'HF310',
    name: 'the pods request more CPU than any node has',
    make: (patient) => patient.patchPods({ resources: { requests: { cpu: '100' }, limits: { cpu: '100' } } }),
  },
  {
    id: 'HF311',
    name: 'no node has the label that the pods require',
    make: (patient) => patient.patchPods({}, { nodeSelector: { 'no-such-label': 'x' } }),
  },
  {
    id: 'HF312',
    name: 'the pods cannot be spread',
    make: (patient) =>
      patient.patchPods(
        {},
        {
          topologySpreadConstraints: [
            { maxSkew: 1, topologyKey: 'no-such-zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} },
          ],
        },
      ),
  },
  {
    id: 'HF313',
    name: 'the namespace requires the Pod Security Standard "restricted"',
    make: (patient) => patient.patchPods({ securityContext: { allowPrivilegeEscalation: true } }),
  },
  {
    id: 'HF314',
    name: 'a quota admits no further pod',
    make: async (patient) => {
      await patient.create({
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'pods' },
        spec: { hard: { pods: '1' } },
      });
      await patient.patchPods({ env: [{ name: 'ANY', value: 'other' }] });
    },
  },
  {
    id: 'HF315',
    name: 'the ServiceAccount does not exist',
    make: (patient) =>
      patient.patchPods({}, { serviceAccountName: 'no-such-account', serviceAccount: 'no-such-account' }),
  },
  {
    id: 'HF316',
    name: 'the Deployment is scaled to 0',
    make: (patient) => patient.patch('deployment', { spec: { replicas: 0 } }),
  },
  {
    id: 'HF317',
    name: 'the rollout is paused',
    make: (patient) => patient.patch('deployment', { spec: { paused: true } }),
  },
  {
    id: 'HF318',
    name: 'the readiness probe asks a path that does not exist',
    make: (patient) => patient.patchPods({ readinessProbe: { httpGet: { path: '/no-such-path' } } }),
  },
];
