import type { V1Container, V1PodDisruptionBudget } from '@kubernetes/client-node';
import { isReady, type Gateway } from '../gateway/gateway.js';
import { belongsTo, differences, matches, nameOf } from '../gateway/labels.js';
import type { Finding } from '../finding.js';
import type { Check } from './check.js';

/** Rollouts and drains: what they cost clients, and whether they are possible. */
export const checkRollout: Check = function* ({ snapshot, gateway }) {
  const { deployment, template, container, settings } = gateway;
  const object = `Deployment/${gateway.name}`;
  const grace = template.spec?.terminationGracePeriodSeconds ?? 30;
  const preStop = preStopSeconds(container);
  const needed = preStop + settings.settle + settings.drain;
  if (settings.isHoldfast && grace < needed) {
    yield {
      id: 'HF501',
      object,
      evidence: `terminationGracePeriodSeconds is ${grace}, and a pod needs ${preStop} (preStop) + ${settings.settle} (settle) + ${settings.drain} (drain) = ${needed} s`,
      mend: `set terminationGracePeriodSeconds to ${needed + 10}`,
    };
  }
  const { type, rollingUpdate } = deployment.spec?.strategy ?? {};
  const replicas = deployment.spec?.replicas ?? 1;
  const away = share(rollingUpdate?.maxUnavailable ?? 0, replicas);
  if (type === 'Recreate' || (replicas > 0 && away >= replicas)) {
    yield {
      id: 'HF515',
      object,
      evidence:
        type === 'Recreate'
          ? 'the strategy is Recreate'
          : `maxUnavailable is ${rollingUpdate?.maxUnavailable} of ${replicas} pods`,
      mend: 'set the strategy to RollingUpdate with maxUnavailable 0',
    };
  }
  yield* checkBudgets(snapshot.disruptionBudgets ?? [], gateway, replicas);

  const ready = gateway.pods.filter((pod) => isReady(pod));
  const nodes = new Set(ready.map(({ spec }) => spec?.nodeName));
  const possible = snapshot.nodes?.filter(({ spec }) => spec?.unschedulable !== true);
  if (replicas === 1 && !isAutoscaled(snapshot.autoscalers ?? [], gateway)) {
    yield { id: 'HF507', object, evidence: 'replicas is 1', mend: 'set replicaCount to 3' };
  } else if (ready.length > 1 && nodes.size === 1 && (possible === undefined || possible.length > 1)) {
    yield {
      id: 'HF508',
      object,
      evidence: `${ready.length} pods are on ${[...nodes].join('')}`,
      mend: `kubectl rollout restart deployment ${gateway.name} --namespace ${snapshot.namespace}, with topologySpread.hosts`,
    };
  }
};

function isAutoscaled(
  autoscalers: readonly { spec?: { scaleTargetRef: { name: string } } }[],
  { name }: Gateway,
): boolean {
  return autoscalers.some(({ spec }) => spec?.scaleTargetRef.name === name);
}

/** The seconds that preStop takes, as far as it says so. */
function preStopSeconds({ lifecycle }: V1Container): number {
  const { sleep, exec } = lifecycle?.preStop ?? {};
  return sleep?.seconds ?? Number(/\bsleep (\d+)/.exec(exec?.command?.join(' ') ?? '')?.[1] ?? 0);
}

/** A number or a percentage of `all`, rounded down. */
function share(value: number | string, all: number): number {
  return typeof value === 'string' && value.endsWith('%')
    ? Math.floor((Number.parseInt(value, 10) * all) / 100)
    : Number(value);
}

function* checkBudgets(
  budgets: readonly V1PodDisruptionBudget[],
  gateway: Gateway,
  replicas: number,
): Generator<Finding> {
  for (const budget of budgets) {
    const object = `PodDisruptionBudget/${nameOf(budget)}`;
    const { selector, minAvailable, maxUnavailable } = budget.spec ?? {};
    if (!matches(selector, gateway.labels)) {
      if (!belongsTo(budget, gateway.deployment)) continue;
      yield {
        id: 'HF503',
        object,
        evidence: `the selector requires ${differences(selector?.matchLabels, gateway.labels).join(', ') || 'other labels'}`,
        mend: 'make its selector a part of the labels of the pods',
      };
      continue;
    }
    // Percentages are rounded up (policy/v1).
    const up = (value: number | string): number =>
      typeof value === 'string' && value.endsWith('%')
        ? Math.ceil((Number.parseInt(value, 10) * replicas) / 100)
        : Number(value);
    const never =
      (maxUnavailable !== undefined && up(maxUnavailable) === 0) ||
      (minAvailable !== undefined && replicas > 0 && up(minAvailable) >= replicas);
    if (!never) continue;
    yield {
      id: 'HF502',
      object,
      evidence:
        maxUnavailable === undefined
          ? `minAvailable is ${minAvailable} of ${replicas} pods`
          : `maxUnavailable is ${maxUnavailable}`,
      mend: `kubectl patch poddisruptionbudget ${nameOf(budget)} --namespace ${gateway.deployment.metadata?.namespace ?? 'default'} --type merge --patch '{"spec":{"minAvailable":null,"maxUnavailable":1}}'`,
    };
  }
}
