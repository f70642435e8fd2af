import type { V1Service, V1ServicePort } from '@kubernetes/client-node';
import type { Finding } from '../finding.js';
import { isReady, type Gateway } from '../gateway/gateway.js';
import { differences, nameOf, selects } from '../gateway/labels.js';
import type { Snapshot } from '../snapshot/snapshot.js';
import type { Check } from './check.js';
import { backendsOf } from './routes.js';

/** The Services of the gateway: selectors, ports and endpoints. */
export const checkService: Check = function* ({ snapshot, gateway }) {
  for (const service of gateway.strayServices) {
    if (Object.keys(service.spec?.selector ?? {}).length === 0) continue;
    const wrong = differences(service.spec?.selector, gateway.labels);
    yield {
      id: 'HF201',
      object: `Service/${nameOf(service)}`,
      evidence: `the selector requires ${wrong.join(', ')}`,
      mend: `kubectl patch service ${nameOf(service)} --namespace ${snapshot.namespace} --type merge --patch '${JSON.stringify({ spec: { selector: corrected(service, gateway) } })}'`,
    };
  }
  if (gateway.services.length === 0 && gateway.strayServices.length === 0) {
    yield {
      id: 'HF202',
      object: `Deployment/${gateway.name}`,
      evidence: `no Service of namespace ${snapshot.namespace} selects ${Object.entries(gateway.labels)
        .map((pair) => pair.join('='))
        .join(',')}`,
      mend: `kubectl expose deployment ${gateway.name} --port 80 --target-port ${gateway.settings.port} --namespace ${snapshot.namespace}`,
    };
  }
  for (const service of gateway.services) {
    yield* checkPorts(service, gateway, snapshot);
    if (service.spec?.clusterIP === 'None') continue;
    yield* checkOthers(service, gateway, snapshot);
    yield* checkEndpoints(service, gateway, snapshot);
    if (service.spec?.type === 'LoadBalancer' && (service.status?.loadBalancer?.ingress ?? []).length === 0) {
      yield {
        id: 'HF114',
        object: `Service/${nameOf(service)}`,
        evidence: 'status.loadBalancer has no address',
        mend: `kubectl describe service ${nameOf(service)} --namespace ${snapshot.namespace}`,
      };
    }
  }
};

/** The selector with the labels of the pods; null removes a label in a merge patch. */
function corrected({ spec }: V1Service, { labels }: Gateway): Record<string, string | null> {
  return Object.fromEntries(Object.keys(spec?.selector ?? {}).map((name) => [name, labels[name] ?? null]));
}

function* checkPorts(service: V1Service, gateway: Gateway, snapshot: Snapshot): Generator<Finding> {
  const { settings, container } = gateway;
  const object = `Service/${nameOf(service)}`;
  const containers = gateway.template.spec?.containers ?? [container];
  const declared = containers.flatMap(({ ports = [] }) => ports);
  const clientPorts = backendsOf(snapshot)
    .filter((backend) => backend.service === nameOf(service))
    .map(({ port }) => port);
  for (const port of service.spec?.ports ?? []) {
    const target = port.targetPort ?? port.port;
    const byName = declared.find(({ name }) => name === target);
    const actual = typeof target === 'number' ? target : byName?.containerPort;
    const known = new Set(declared.map(({ containerPort }) => containerPort));
    if (settings.isHoldfast) {
      // A name and a number that are declared are only words: the settings say where the gateway listens.
      const own = container.ports?.map(({ containerPort }) => containerPort) ?? [];
      for (const one of own) known.delete(one);
      known.add(settings.port).add(settings.managementPort);
    }
    if (actual === undefined || (known.size > 0 && !known.has(actual))) {
      const has = declared.map(({ name, containerPort }) => `${name ?? 'unnamed'} ${containerPort}`).join(', ');
      yield {
        id: 'HF203',
        object,
        evidence: `port ${port.port} leads to targetPort ${target}; the containers declare ${has || 'no port'}${settings.isHoldfast ? `, the gateway listens on ${settings.port}` : ''}`,
        mend: patchPort(service, port, settings.port, snapshot),
      };
    } else if (
      settings.isHoldfast &&
      actual === settings.managementPort &&
      clientPorts.some((client) => client === port.port || client === port.name)
    ) {
      yield {
        id: 'HF204',
        object,
        evidence: `port ${port.port} leads to ${actual}, the management port`,
        mend: patchPort(service, port, settings.port, snapshot),
      };
    }
  }
}

function patchPort(service: V1Service, { port }: V1ServicePort, target: number, { namespace }: Snapshot): string {
  const ports = [{ port, targetPort: target }];
  return `kubectl patch service ${nameOf(service)} --namespace ${namespace} --patch '${JSON.stringify({ spec: { ports } })}'`;
}

function* checkOthers(service: V1Service, gateway: Gateway, snapshot: Snapshot): Generator<Finding> {
  const own = new Set(gateway.pods.map(nameOf));
  const others = snapshot.pods.filter(
    ({ metadata, status }) =>
      selects(service.spec?.selector, metadata?.labels) &&
      metadata?.deletionTimestamp === undefined &&
      status?.phase === 'Running' &&
      !own.has(metadata?.name ?? ''),
  );
  if (others.length === 0) return;
  yield {
    id: 'HF205',
    object: `Service/${nameOf(service)}`,
    evidence: `it also selects ${others.map(nameOf).join(', ')}`,
    mend: `add a label to its selector that only the pods of ${gateway.name} have, such as ${distinguishing(
      gateway,
      others.map(({ metadata }) => metadata?.labels ?? {}),
    )}`,
  };
}

function distinguishing({ labels }: Gateway, others: readonly Readonly<Record<string, string>>[]): string {
  const found = Object.entries(labels).find(([name, value]) => others.every((other) => other[name] !== value));
  return found?.join('=') ?? 'app=gateway';
}

function* checkEndpoints(
  service: V1Service,
  gateway: Gateway,
  { endpointSlices, namespace }: Snapshot,
): Generator<Finding> {
  if (endpointSlices === undefined || gateway.pods.length === 0) return;
  const slices = endpointSlices.filter(
    ({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === nameOf(service),
  );
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
  const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false);
  if (ready.length > 0) return;
  const readyPods = gateway.pods.filter((pod) => isReady(pod)).length;
  yield {
    id: 'HF206',
    object: `Service/${nameOf(service)}`,
    evidence: `${endpoints.length} endpoints, none ready; ${readyPods} of ${gateway.pods.length} pods are ready`,
    mend: `kubectl get endpointslices --namespace ${namespace} --selector kubernetes.io/service-name=${nameOf(service)}`,
  };
}
