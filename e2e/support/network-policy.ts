import type {
  V1LabelSelector,
  V1NetworkPolicy,
  V1NetworkPolicyPeer,
  V1NetworkPolicyPort,
  V1Pod,
} from '@kubernetes/client-node';

type Labels = Readonly<Record<string, string>>;

/** One end of a connection: a pod with the labels of its namespace, or a host outside of the cluster. */
export type End = { readonly pod: V1Pod; readonly namespaceLabels: Labels } | 'outside';

export interface Attempt {
  readonly from: End;
  readonly to: End;
  /** The port number that the pod listens on. */
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP';
}

/**
 * Whether these policies allow a connection, by the rules of a cluster that enforces them
 * (https://kubernetes.io/docs/concepts/services-networking/network-policies/). The only supported address block is "everything".
 */
export function allows(policies: readonly V1NetworkPolicy[], { from, to, port, protocol = 'TCP' }: Attempt): boolean {
  return isAllowed('Egress', from, to) && isAllowed('Ingress', to, from);

  /** An end that no policy selects is open; one that is selected accepts what any of its policies allows. */
  function isAllowed(type: 'Egress' | 'Ingress', self: End, other: End): boolean {
    if (self === 'outside') return true;
    const selecting = policies.filter(
      ({ metadata, spec }) =>
        metadata?.namespace === self.pod.metadata?.namespace &&
        spec?.policyTypes?.includes(type) === true &&
        selects(spec.podSelector, self.pod.metadata?.labels),
    );
    if (selecting.length === 0) return true;
    return selecting.some(({ metadata, spec }) => {
      const rules =
        type === 'Ingress'
          ? (spec?.ingress ?? []).map(({ _from, ports }) => ({ peers: _from, ports }))
          : (spec?.egress ?? []).map(({ to: peers, ports }) => ({ peers, ports }));
      return rules.some(
        ({ peers, ports }) =>
          (ports === undefined || ports.some((allowed) => isPort(allowed))) &&
          (peers === undefined || peers.some((peer) => isPeer(peer, other, metadata?.namespace))),
      );
    });
  }

  function isPort({ port: allowed, endPort, protocol: its = 'TCP' }: V1NetworkPolicyPort): boolean {
    if (its !== protocol) return false;
    if (allowed === undefined) return true;
    return endPort === undefined ? allowed === port : Number(allowed) <= port && port <= endPort;
  }
}

function isPeer(peer: V1NetworkPolicyPeer, end: End, namespace: string | undefined): boolean {
  if (peer.ipBlock !== undefined) return peer.ipBlock.cidr === '0.0.0.0/0';
  if (end === 'outside') return false;
  const inNamespace =
    peer.namespaceSelector === undefined
      ? end.pod.metadata?.namespace === namespace
      : selects(peer.namespaceSelector, end.namespaceLabels);
  return inNamespace && (peer.podSelector === undefined || selects(peer.podSelector, end.pod.metadata?.labels));
}

/** An absent selector selects everything, like an empty one. */
function selects(selector: V1LabelSelector | undefined, labels: Labels = {}): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return (
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          throw new Error(`unknown operator of a label selector: ${operator}`);
      }
    })
  );
}
