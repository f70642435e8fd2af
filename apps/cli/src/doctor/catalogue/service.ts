import type { Section } from './entry.js';

const UNREACHABLE = ['HF120', 'HF121', 'HF122', 'HF123', 'HF124'];

/** From the Service to the pods. */
export const SERVICE = {
  HF201: {
    level: 'error',
    title: 'The Service does not select the pods: labels differ',
    symptom: 'Everything looks healthy but nothing works: pods are ready, and clients get 503.',
    why: 'The selector of the Service has a label that the template of the Deployment does not have, or with another value.',
    see: ['kubectl get service SERVICE --output jsonpath={.spec.selector}', 'kubectl get pods --show-labels'],
    mend: 'Make the selector of the Service a part of the labels in `spec.template.metadata.labels` of the Deployment.',
    hides: ['HF202', 'HF206', ...UNREACHABLE],
  },
  HF202: {
    level: 'error',
    title: 'No Service leads to the pods',
    symptom: 'Pods are ready, and nobody can connect.',
    why: 'No Service of the namespace selects the pods of the Deployment.',
    see: ['kubectl get services', 'kubectl get pods --show-labels'],
    mend: 'Create a Service that selects the pods and leads to port 8000.',
    hides: UNREACHABLE,
  },
  HF203: {
    level: 'error',
    title: 'The Service leads to a port on which nothing listens',
    symptom: '502 from the controller, or connections that are refused.',
    why: '`targetPort` is a name that no container port has, or a number on which the gateway does not listen.',
    see: [
      'kubectl get service SERVICE --output jsonpath={.spec.ports}',
      'kubectl get deployment DEPLOYMENT --output jsonpath={.spec.template.spec.containers[*].ports}',
    ],
    mend: 'Set `targetPort` to the name or the number of the port of the gateway: `http`, or 8000.',
    hides: ['HF206', ...UNREACHABLE],
  },
  HF204: {
    level: 'error',
    title: 'Clients are led to the management port',
    symptom: '404 for `/ws`, and the metrics are open to the internet.',
    why: 'The Service that the Ingress names leads to port 8001, which serves the metrics.',
    see: ['kubectl get service SERVICE --output jsonpath={.spec.ports}'],
    mend: 'Set `targetPort` to the port for clients: `http`, or 8000.',
    hides: UNREACHABLE,
  },
  HF205: {
    level: 'error',
    title: 'The Service also selects pods of another application',
    symptom: 'A part of all connections fails or reaches something else.',
    why: 'The selector is so general that it fits the labels of other pods.',
    see: ['kubectl get endpointslices --selector kubernetes.io/service-name=SERVICE', 'kubectl get pods --show-labels'],
    mend: 'Add a label to the selector that only the pods of the gateway have.',
    hides: UNREACHABLE,
  },
  HF206: {
    level: 'error',
    title: 'The Service has no ready endpoint',
    symptom: '503 from the controller.',
    why: 'No pod that the Service selects is ready.',
    see: ['kubectl get endpointslices --selector kubernetes.io/service-name=SERVICE', 'kubectl get pods'],
    mend: 'See why the pods are not ready.',
    hides: UNREACHABLE,
  },
} as const satisfies Section;
