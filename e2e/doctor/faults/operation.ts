import type { Fault } from '../fault.js';
import { IDLE } from './service.js';

export const OPERATION: readonly Fault[] = [
  {
    id: 'HF501',
    name: 'the grace period is shorter than the drain',
    make: (patient) => patient.patchPods({}, { terminationGracePeriodSeconds: 3 }),
  },
  {
    id: 'HF502',
    name: 'the PodDisruptionBudget permits no eviction',
    make: (patient) => patient.patch('poddisruptionbudget', { spec: { maxUnavailable: null, minAvailable: 3 } }),
  },
  {
    id: 'HF503',
    name: 'the PodDisruptionBudget selects nothing',
    make: (patient) =>
      patient.patch('poddisruptionbudget', {
        spec: { selector: { matchLabels: { 'app.kubernetes.io/component': 'gatway' } } },
      }),
  },
  {
    id: 'HF504',
    name: 'the autoscaler scales another Deployment',
    make: (patient) => patient.patch('hpa', { spec: { scaleTargetRef: { name: 'no-such-deployment' } } }),
  },
  {
    id: 'HF505',
    name: 'nothing measures what the autoscaler scales on',
    make: (patient) =>
      patient.patch('hpa', {
        spec: {
          metrics: [
            {
              type: 'Pods',
              pods: { metric: { name: 'no-such-metric' }, target: { type: 'AverageValue', averageValue: '1' } },
            },
          ],
        },
      }),
  },
  {
    id: 'HF506',
    name: 'a sidecar has no CPU request',
    make: (patient) => patient.append('deployment', '/spec/template/spec/containers', IDLE),
  },
  {
    id: 'HF508',
    name: 'all pods run on one node',
    make: async (patient) => {
      const [pod] = await patient.release.readyPods();
      await patient.patchPods({}, { nodeSelector: { 'kubernetes.io/hostname': pod?.spec?.nodeName ?? '' } });
    },
  },
  {
    id: 'HF509',
    name: 'the liveness probe asks the broker',
    make: (patient) => patient.patchPods({ livenessProbe: { httpGet: { path: '/health/ready' } } }),
  },
  {
    id: 'HF511',
    name: 'there is no memory limit',
    make: (patient) => patient.patchPods({ resources: { limits: { memory: null } } }),
  },
  {
    id: 'HF512',
    name: 'the heap has no limit',
    make: (patient) => patient.patchPods({ env: [{ name: 'NODE_OPTIONS', $patch: 'delete' }] }),
  },
  {
    id: 'HF513',
    name: 'more connections are permitted than the memory has room for',
    make: (patient) => patient.patchPods({ env: [{ name: 'HOLDFAST_MAX_CONNECTIONS', value: '20000' }] }),
  },
  {
    id: 'HF514',
    name: 'a Secret is a variable',
    make: async (patient) => {
      await patient.create({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'variables' },
        stringData: { any: 'value' },
      });
      await patient.patchPods({
        env: [{ name: 'ANY', valueFrom: { secretKeyRef: { name: 'variables', key: 'any' } } }],
      });
    },
  },
  {
    id: 'HF515',
    name: 'the strategy is Recreate',
    make: (patient) => patient.patch('deployment', { spec: { strategy: { type: 'Recreate', rollingUpdate: null } } }),
  },
];
