import type { V1Container, V1Deployment, V1Pod, V1PodTemplateSpec, V1Service } from '@kubernetes/client-node';
import { EXIT, Failure } from '../../failure.js';
import type { Snapshot } from '../snapshot/snapshot.js';
import { belongsTo, matches, nameOf, selects, type Labels } from './labels.js';
import { isHoldfast, readSettings, type Settings } from './settings.js';

/** The Deployment that is examined, and what belongs to it. */
export interface Gateway {
  readonly name: string;
  readonly deployment: V1Deployment;
  readonly template: V1PodTemplateSpec;
  readonly labels: Labels;
  readonly container: V1Container;
  readonly settings: Settings;
  /** Without those that are being deleted or have ended. */
  readonly pods: readonly V1Pod[];
  /** Those that select its pods. */
  readonly services: readonly V1Service[];
  /** Those that are meant for it, and do not select its pods. */
  readonly strayServices: readonly V1Service[];
}

/**
 * Finds the Deployment of the gateway: that of this name, or the only one that runs Holdfast, or the only one.
 *
 * @throws Failure
 */
export function findDeployment({ deployments, namespace }: Snapshot, name?: string): V1Deployment {
  const named = deployments.find((deployment) => nameOf(deployment) === name);
  if (named !== undefined) return named;
  const all = deployments.map(nameOf).join(', ') || 'none';
  if (name !== undefined) {
    throw new Failure(EXIT.usage, `namespace ${namespace} has no Deployment ${name}; there are: ${all}`);
  }
  const gateways = deployments.filter((deployment) =>
    containersOf(deployment).some((container) => isHoldfast(container)),
  );
  // The migration and the test of the chart run the same image, but are Jobs and pods.
  const candidates = gateways.length > 0 ? gateways : deployments;
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return only;
  const problem = only === undefined ? 'no Deployment' : 'several Deployments';
  throw new Failure(
    EXIT.usage,
    `${problem} in namespace ${namespace}: use --namespace and --deployment (there are: ${all})`,
  );
}

export function describeGateway(snapshot: Snapshot, deployment: V1Deployment): Gateway {
  const template = deployment.spec?.template ?? {};
  const labels = template.metadata?.labels ?? {};
  const containers = containersOf(deployment);
  const container = containers.find((one) => isHoldfast(one)) ?? containers[0] ?? { name: '' };
  return {
    name: nameOf(deployment),
    deployment,
    template,
    labels,
    container,
    settings: readSettings(template, container, snapshot.configMaps),
    pods: snapshot.pods.filter((pod) => isPodOf(pod, deployment) && isLive(pod)),
    services: snapshot.services.filter(({ spec }) => selects(spec?.selector, labels)),
    strayServices: snapshot.services.filter(
      (service) => belongsTo(service, deployment) && !selects(service.spec?.selector, labels),
    ),
  };
}

function containersOf({ spec }: V1Deployment): readonly V1Container[] {
  return spec?.template.spec?.containers ?? [];
}

/** Pods of another application may have the same labels, but not the same owner. */
function isPodOf({ metadata }: V1Pod, deployment: V1Deployment): boolean {
  const replicaSet = `${nameOf(deployment)}-${metadata?.labels?.['pod-template-hash']}`;
  return (
    matches(deployment.spec?.selector, metadata?.labels) &&
    (metadata?.ownerReferences ?? []).some(({ kind, name }) => kind === 'ReplicaSet' && name === replicaSet)
  );
}

function isLive({ metadata, status }: V1Pod): boolean {
  return metadata?.deletionTimestamp === undefined && status?.phase !== 'Succeeded' && status?.reason !== 'Evicted';
}

export function isReady({ status }: V1Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
}
