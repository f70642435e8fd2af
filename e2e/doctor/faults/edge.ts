import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { certificateFiles } from '../../support/certificate.js';
import { Cluster } from '../../support/cluster.js';
import { IngressNginx } from '../../support/ingress-nginx.js';
import type { Fault } from '../fault.js';
import type { Patient } from '../patient.js';
import { startCutter, startStripper } from '../proxies.js';

const NGINX = 'nginx.ingress.kubernetes.io';
const STICKY = 'traefik.ingress.kubernetes.io/service.sticky.cookie';

/** Keeps the path and the backend, and changes the host. */
function atHost({ name }: Patient, host: string, backend: object = {}): object {
  const service = { name, port: { name: 'http' }, ...backend };
  return { spec: { rules: [{ host, http: { paths: [{ path: '/ws', pathType: 'Prefix', backend: { service } }] } }] } };
}

const patchIngress = (patient: Patient, patch: object): Promise<void> => patient.patch('ingress', { ...patch });

/** An Ingress with TLS, and a self-signed certificate for its host, which doctor trusts or not. */
async function withCertificate(
  patient: Patient,
  validity: { from: Date; to: Date },
  { isTrusted = true } = {},
): Promise<void> {
  const { host } = patient.route;
  const data = await certificateFiles([host], validity);
  if (isTrusted) {
    const before = getCACertificates('default');
    patient.onUndo(async () => setDefaultCACertificates(before));
    setDefaultCACertificates([...before, Buffer.from(data['tls.crt'], 'base64').toString()]);
  }
  await patient.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'doctor-tls' },
    type: 'kubernetes.io/tls',
    data,
  });
  await patchIngress(patient, { spec: { tls: [{ hosts: [host], secretName: 'doctor-tls' }] } });
}

const days = (count: number): Date => new Date(Date.now() + count * 24 * 3_600_000);

export const EDGE: readonly Fault[] = [
  {
    id: 'HF101',
    name: 'the host is not in DNS',
    make: (patient) => patchIngress(patient, atHost(patient, 'doctor.holdfast.invalid')),
    args: () => [],
  },
  {
    id: 'HF102',
    name: 'DNS leads to another address',
    make: (patient) => patchIngress(patient, atHost(patient, 'localhost')),
    args: () => [],
  },
  {
    id: 'HF103',
    name: 'the class does not exist',
    make: (patient) => patchIngress(patient, { spec: { ingressClassName: 'no-such-class' } }),
  },
  {
    id: 'HF105',
    name: 'the Ingress names a Service that does not exist',
    make: (patient) => patchIngress(patient, atHost(patient, patient.route.host, { name: 'no-such-service' })),
  },
  {
    id: 'HF106',
    name: 'the Ingress names the port of the container',
    make: (patient) => patchIngress(patient, atHost(patient, patient.route.host, { port: { number: 8000 } })),
  },
  {
    id: 'HF107',
    name: 'the Ingress routes another path',
    make: (patient) =>
      patchIngress(
        patient,
        JSON.parse(JSON.stringify(atHost(patient, patient.route.host)).replace('"/ws"', '"/socket"')) as object,
      ),
  },
  {
    id: 'HF109',
    name: 'a NetworkPolicy admits nobody',
    make: (patient) =>
      patient.create({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'deny' },
        spec: {
          podSelector: { matchLabels: { 'app.kubernetes.io/component': 'gateway' } },
          policyTypes: ['Ingress'],
          ingress: [],
        },
      }),
  },
  {
    id: 'HF110',
    name: 'the TLS Secret is missing',
    make: (patient) =>
      patchIngress(patient, { spec: { tls: [{ hosts: [patient.route.host], secretName: 'no-such-secret' }] } }),
  },
  {
    id: 'HF111',
    name: 'the certificate has expired',
    make: (patient) => withCertificate(patient, { from: days(-20), to: days(-10) }),
  },
  {
    id: 'HF112',
    name: 'the certificate expires in two days',
    make: (patient) => withCertificate(patient, { from: days(-88), to: days(2) }),
  },
  {
    id: 'HF119',
    name: 'the certificate is self-signed',
    make: (patient) => withCertificate(patient, { from: days(-1), to: days(80) }, { isTrusted: false }),
  },
  {
    id: 'HF114',
    name: 'a load balancer stays pending',
    make: (patient) => patient.patch('service', { spec: { type: 'LoadBalancer' } }),
  },
  {
    id: 'HF115',
    name: 'cookie affinity by the annotation of another controller',
    make: async (patient) => {
      const isTraefik = patient.ingressClass.controller === 'traefik';
      await patient.patch('service', { metadata: { annotations: { [STICKY]: isTraefik ? null : 'true' } } });
      await patchIngress(patient, {
        metadata: { annotations: { [`${NGINX}/affinity`]: isTraefik ? 'cookie' : null } },
      });
    },
  },
  {
    id: 'HF116',
    name: 'ClientIP affinity behind the controller',
    make: async (patient) => {
      await patient.patch('service', {
        metadata: { annotations: { [STICKY]: null } },
        spec: { sessionAffinity: 'ClientIP' },
      });
      await patchIngress(patient, { metadata: { annotations: { [`${NGINX}/affinity`]: null } } });
    },
  },
  {
    id: 'HF117',
    name: 'a timeout of 5 s in the annotations',
    make: (patient) => patchIngress(patient, { metadata: { annotations: { [`${NGINX}/proxy-read-timeout`]: '5' } } }),
    only: 'ingress-nginx',
  },
  {
    id: 'HF118',
    name: 'a worker-shutdown-timeout of 60 s',
    make: async (patient) => {
      const controller = new IngressNginx(Cluster.connect());
      patient.onUndo(() => controller.configure('worker-shutdown-timeout', null));
      await controller.configure('worker-shutdown-timeout', '60s');
    },
    only: 'ingress-nginx',
  },
  {
    id: 'HF120',
    name: 'nothing listens at the address',
    make: async () => {},
    args: ({ ingressClass }) => ['--address', `${ingressClass.address}:9`],
  },
  {
    id: 'HF121',
    name: 'a proxy in front removes the Upgrade headers',
    make: async () => {},
    args: async (patient) => ['--address', await startStripper(patient)],
  },
  {
    id: 'HF123',
    name: 'another host than the Ingress has',
    make: async () => {},
    args: ({ ingressClass }) => ['--address', ingressClass.address, '--url', 'ws://other.holdfast.test/ws'],
  },
  {
    id: 'HF124',
    name: 'a proxy in front cuts WebSockets after 3 s',
    make: async () => {},
    args: async (patient) => ['--idle', '30s', '--address', await startCutter(patient, 3_000)],
  },
  {
    id: 'HF124',
    name: 'ingress-nginx cuts idle WebSockets after 5 s',
    make: (patient) => patchIngress(patient, { metadata: { annotations: { [`${NGINX}/proxy-read-timeout`]: '5' } } }),
    args: ({ ingressClass }) => ['--idle', '30s', '--address', ingressClass.address],
    only: 'ingress-nginx',
  },
];
