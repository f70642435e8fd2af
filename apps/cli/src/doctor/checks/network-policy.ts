import type { V1NetworkPolicy, V1NetworkPolicyPeer, V1NetworkPolicyPort, V1Pod } from '@kubernetes/client-node';
import { BlockList, isIP } from 'node:net';
import { belongsTo, matches, nameOf } from '../gateway/labels.js';
import type { Finding } from '../finding.js';
import type { Snapshot } from '../snapshot/snapshot.js';
import type { Check, Situation } from './check.js';
import { controllerOf, controllerPods } from './controllers.js';
import { ingressesOf } from './routes.js';

const DNS_PORTS = [53, 5353];

/** Policies that block what the gateway needs: the controller, name servers and the broker. */
export const checkNetworkPolicy: Check = function* (situation) {
  const { snapshot, gateway } = situation;
  const policies = (snapshot.networkPolicies ?? []).filter(({ spec }) => matches(spec?.podSelector, gateway.labels));
  const inbound = policies.filter(({ spec }) => spec?.policyTypes?.includes('Ingress') ?? true);
  const outbound = policies.filter(({ spec }) => spec?.policyTypes?.includes('Egress') ?? spec?.egress !== undefined);

  const blocked = inbound.length === 0 ? undefined : blockedController(inbound, situation);
  if (blocked !== undefined) {
    const namespace = blocked.metadata?.namespace;
    yield {
      id: 'HF109',
      object: namesOf(inbound),
      evidence: inbound.every(({ spec }) => (spec?.ingress ?? []).length === 0)
        ? `it admits nobody, so not pod ${nameOf(blocked)} of namespace ${namespace} to port ${gateway.settings.port} either`
        : `no rule admits pod ${nameOf(blocked)} of namespace ${namespace} to port ${gateway.settings.port}`,
      mend: `add a rule to the policy, or delete it; if it is the chart's, add to networkPolicy.controllers: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ${namespace}}}}`,
    };
  }
  if (outbound.length === 0) return;
  const rules = outbound.flatMap(({ spec }) => spec?.egress ?? []);
  if (gateway.settings.hasBroker === false) return;
  if (!rules.some(({ ports }) => DNS_PORTS.some((port) => admits(ports, port, 'UDP')))) {
    yield {
      id: 'HF407',
      object: namesOf(outbound),
      evidence: 'no egress rule allows UDP to port 53',
      mend: 'allow UDP and TCP to port 53 (networkPolicy.egress.dns)',
    };
  }
  yield* checkBroker(rules, namesOf(outbound), situation);
};

function* checkBroker(
  rules: readonly { ports?: V1NetworkPolicyPort[]; to?: V1NetworkPolicyPeer[] }[],
  object: string,
  situation: Situation,
): Generator<Finding> {
  const { snapshot, gateway } = situation;
  const redis = bundledRedis(situation);
  if (redis === undefined) {
    // The address is in a Secret, but without any port the broker cannot be reached.
    const isClosed = rules.every(
      ({ ports }) =>
        ports !== undefined && ports.length > 0 && ports.every(({ port }) => DNS_PORTS.includes(Number(port))),
    );
    if (isClosed)
      yield {
        id: 'HF406',
        object,
        evidence: 'the egress rules allow nothing but DNS',
        mend: 'add the port of the broker: networkPolicy.egress.broker.ports',
      };
    return;
  }
  const port = 6379;
  if (!rules.some(({ ports, to }) => admits(ports, port, 'TCP', redis) && admitsPeer(to, redis, snapshot))) {
    yield {
      id: 'HF406',
      object,
      evidence: `no egress rule allows pod ${nameOf(redis)} at port ${port}`,
      mend: `allow port ${port} of the pods with ${Object.entries(redis.metadata?.labels ?? {})
        .map((pair) => pair.join('='))
        .join(',')}`,
    };
  }
  const own = gateway.pods[0];
  const admitting = (snapshot.networkPolicies ?? []).filter(
    ({ spec }) =>
      matches(spec?.podSelector, redis.metadata?.labels) && (spec?.policyTypes?.includes('Ingress') ?? true),
  );
  const isAdmitted = admitting.some(({ spec }) =>
    (spec?.ingress ?? []).some(
      ({ ports, _from }) => own !== undefined && admits(ports, port, 'TCP', redis) && admitsPeer(_from, own, snapshot),
    ),
  );
  if (own !== undefined && admitting.length > 0 && !isAdmitted) {
    yield {
      id: 'HF406',
      object: namesOf(admitting),
      evidence: `no ingress rule of the broker admits pod ${nameOf(own)} to port ${port}`,
      mend: 'admit the labels of the pods of the gateway',
    };
  }
}

/** A pod of the Redis of the chart. */
function bundledRedis({ snapshot, gateway }: Situation): V1Pod | undefined {
  const { metadata } = gateway.deployment;
  return snapshot.pods.find(
    ({ metadata: own, status }) =>
      own?.labels?.['app.kubernetes.io/component'] === 'redis' &&
      own.labels['app.kubernetes.io/instance'] === metadata?.labels?.['app.kubernetes.io/instance'] &&
      status?.phase === 'Running' &&
      !belongsTo({ metadata: own }, gateway.deployment),
  );
}

/** A pod of an ingress controller that leads here and is not admitted; undefined if all are, or that cannot be known. */
function blockedController(policies: readonly V1NetworkPolicy[], { snapshot, gateway }: Situation): V1Pod | undefined {
  const pods = ingressesOf(snapshot, gateway).flatMap(
    (ingress) => controllerPods(controllerOf(ingress, snapshot), snapshot) ?? [],
  );
  const rules = policies.flatMap(({ spec }) => spec?.ingress ?? []);
  const isAdmitted = (pod: V1Pod): boolean =>
    rules.some(
      ({ ports, _from }) =>
        admits(ports, gateway.settings.port, 'TCP', gateway.pods[0]) && admitsPeer(_from, pod, snapshot),
    );
  // A controller on the network of its node comes from the address of the node, which some plugins always admit.
  const candidates = pods.filter(({ spec }) => spec?.hostNetwork !== true);
  // Several controllers may know the class, and only one serves it: one that is admitted is enough.
  return candidates.some((pod) => isAdmitted(pod)) ? undefined : candidates[0];
}

function admits(
  ports: readonly V1NetworkPolicyPort[] | undefined,
  wanted: number,
  protocol: string,
  pod?: V1Pod,
): boolean {
  if (ports === undefined || ports.length === 0) return true;
  return ports.some(({ port, endPort, protocol: allowed = 'TCP' }) => {
    if (allowed !== protocol) return false;
    if (port === undefined) return true;
    const number = typeof port === 'number' ? port : numberOf(port, pod);
    return number !== undefined && wanted >= number && wanted <= (endPort ?? number);
  });
}

function numberOf(name: string, pod: V1Pod | undefined): number | undefined {
  const ports = pod?.spec?.containers.flatMap((container) => container.ports ?? []) ?? [];
  return ports.find((port) => port.name === name)?.containerPort;
}

function admitsPeer(peers: readonly V1NetworkPolicyPeer[] | undefined, pod: V1Pod, snapshot: Snapshot): boolean {
  if (peers === undefined || peers.length === 0) return true;
  const namespace = pod.metadata?.namespace ?? snapshot.namespace;
  const labels = snapshot.namespaces?.find((one) => nameOf(one) === namespace)?.metadata?.labels;
  return peers.some(({ podSelector, namespaceSelector, ipBlock }) => {
    if (ipBlock !== undefined) return inBlock(pod.status?.podIP, ipBlock.cidr, ipBlock.except);
    const fits = podSelector === undefined || matches(podSelector, pod.metadata?.labels);
    if (namespaceSelector === undefined) return fits && namespace === snapshot.namespace;
    // Every namespace has this label. Others are only known to those who may read namespaces.
    return fits && matches(namespaceSelector, labels ?? { 'kubernetes.io/metadata.name': namespace });
  });
}

function inBlock(address: string | undefined, cidr: string, except: readonly string[] = []): boolean {
  if (address === undefined) return false;
  const contains = (block: string): boolean => {
    const [network = '', prefix = ''] = block.split('/');
    const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
    const list = new BlockList();
    list.addSubnet(network, Number(prefix), family);
    return list.check(address, family);
  };
  return contains(cidr) && !except.some((block) => contains(block));
}

function namesOf(policies: readonly V1NetworkPolicy[]): string {
  return policies.map((policy) => `NetworkPolicy/${nameOf(policy)}`).join(', ');
}
