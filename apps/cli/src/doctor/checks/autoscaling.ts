import type { V2HorizontalPodAutoscaler } from '@kubernetes/client-node';
import { belongsTo, nameOf } from '../gateway/labels.js';
import type { Check, Situation } from './check.js';
import { brief } from './pods/reason.js';

/** New pods have no metrics for this long, in ms. */
const MEASURED_WITHIN = 60_000;

/** Autoscalers that do not scale. */
export const checkAutoscaling: Check = function* (situation) {
  const { snapshot, gateway } = situation;
  for (const autoscaler of snapshot.autoscalers ?? []) {
    const object = `HorizontalPodAutoscaler/${nameOf(autoscaler)}`;
    const { kind, name } = autoscaler.spec?.scaleTargetRef ?? {};
    if (name !== gateway.name) {
      const exists = kind !== 'Deployment' || snapshot.deployments.some((deployment) => nameOf(deployment) === name);
      if (exists || !belongsTo(autoscaler, gateway.deployment)) continue;
      yield {
        id: 'HF504',
        object,
        evidence: `scaleTargetRef is Deployment ${name}, which does not exist; the gateway is ${gateway.name}`,
        mend: `kubectl patch hpa ${nameOf(autoscaler)} --namespace ${snapshot.namespace} --type merge --patch '{"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"${gateway.name}"}}}'`,
      };
      continue;
    }
    const missing = missingRequest(autoscaler, situation);
    if (missing !== undefined) {
      yield {
        id: 'HF506',
        object,
        evidence: `it scales on the ${missing.resource} request, and container ${missing.container} has none`,
        mend: `set resources.requests.${missing.resource} of container ${missing.container}`,
      };
    }
    const active = autoscaler.status?.conditions?.find(
      ({ type, status }) => type === 'ScalingActive' && status === 'False',
    );
    const since = snapshot.takenAt.getTime() - new Date(active?.lastTransitionTime ?? 0).getTime();
    if (active !== undefined && active.reason !== 'ScalingDisabled' && since > MEASURED_WITHIN) {
      yield {
        id: 'HF505',
        object,
        evidence: `${active.reason}: ${brief(active.message ?? '')}`,
        mend: 'kubectl get apiservice v1beta1.metrics.k8s.io, and see the log of metrics-server',
      };
    }
  }
};

function missingRequest(
  { spec }: V2HorizontalPodAutoscaler,
  { gateway }: Situation,
): { resource: string; container: string } | undefined {
  for (const { type, resource } of spec?.metrics ?? []) {
    if (type !== 'Resource' || resource?.target.type !== 'Utilization') continue;
    // A limit without a request is also the request.
    const found = gateway.template.spec?.containers.find(
      ({ resources }) => (resources?.requests?.[resource.name] ?? resources?.limits?.[resource.name]) === undefined,
    );
    if (found !== undefined) return { resource: resource.name, container: found.name };
  }
  return undefined;
}
