import { GATEWAY_IMAGE } from '../../support/images.js';
import type { Fault } from '../fault.js';
import type { Patient } from '../patient.js';

/** Complies with the Pod Security Standard "restricted". */
export const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  runAsUser: 65_532,
  seccompProfile: { type: 'RuntimeDefault' },
};

/** A container that does nothing, of the image that every node has. */
export const IDLE = {
  name: 'idle',
  image: GATEWAY_IMAGE,
  command: ['node', '-e', 'setInterval(() => {}, 1e6)'],
  securityContext: RESTRICTED,
};

function patchPort(patient: Patient, targetPort: string | number): Promise<void> {
  return patient.patch('service', { spec: { ports: [{ name: 'http', port: 80, targetPort }] } });
}

export const SERVICE: readonly Fault[] = [
  {
    id: 'HF201',
    name: 'a label of the selector is misspelt',
    make: (patient) => patient.patch('service', { spec: { selector: { 'app.kubernetes.io/component': 'gatway' } } }),
  },
  { id: 'HF203', name: 'targetPort names no port', make: (patient) => patchPort(patient, 'web') },
  { id: 'HF203', name: 'targetPort is a port on which nothing listens', make: (patient) => patchPort(patient, 8080) },
  { id: 'HF204', name: 'clients are led to the management port', make: (patient) => patchPort(patient, 'management') },
  {
    id: 'HF205',
    name: 'another application has the same labels',
    make: async (patient) => {
      const labels = Object.fromEntries(patient.release.selector.split(',').map((pair) => pair.split('=', 2)));
      await patient.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'worker', labels },
        spec: { containers: [IDLE], terminationGracePeriodSeconds: 0 },
      });
    },
  },
];
