import { kubectl } from '../support/command.js';

interface KubernetesObject {
  readonly metadata: Record<string, unknown>;
  readonly spec?: Record<string, unknown>;
  status?: unknown;
}

/** What only the cluster that was lost can know. */
const OF_THE_CLUSTER = [
  'creationTimestamp',
  'generation',
  'managedFields',
  'ownerReferences',
  'resourceVersion',
  'uid',
];

/**
 * Reads objects of a namespace as they can be applied again.
 *
 * @param selection arguments of `kubectl get`.
 */
export async function backUp(namespace: string, ...selection: readonly string[]): Promise<string> {
  const output = await kubectl(['get', '--namespace', namespace, '--output=json', ...selection]);
  const read = JSON.parse(output) as KubernetesObject & { readonly items?: readonly KubernetesObject[] };
  const items = read.items ?? [read];
  for (const item of items) {
    for (const field of OF_THE_CLUSTER) delete item.metadata[field];
    // A Service of another cluster has other addresses.
    for (const field of ['clusterIP', 'clusterIPs']) delete item.spec?.[field];
    delete item.status;
  }
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

/** Applies what {@link backUp} has read. */
export async function restore(namespace: string, objects: string): Promise<void> {
  await kubectl(['apply', '--namespace', namespace, '--filename=-'], objects);
}
