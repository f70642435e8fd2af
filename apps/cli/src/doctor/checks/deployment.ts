import { isReady } from '../gateway/gateway.js';
import type { Check } from './check.js';
import { brief } from './pods/reason.js';

/** A pod that was just created may be not ready for this long, in ms. */
const SETTLED_AFTER = 90_000;

/** The Deployment itself: pods that were never created, and rollouts that do not end. */
export const checkDeployment: Check = function* ({ snapshot, gateway }) {
  const { spec, status } = gateway.deployment;
  const object = `Deployment/${gateway.name}`;
  const where = `--namespace ${snapshot.namespace}`;
  const condition = (name: string) => status?.conditions?.find(({ type }) => type === name);

  const failure = condition('ReplicaFailure');
  if (failure?.status === 'True') {
    const message = failure.message ?? '';
    const evidence = brief(message, 400);
    if (/violates PodSecurity/.test(message)) {
      yield {
        id: 'HF313',
        object,
        evidence,
        mend: 'set the fields that the message names in podSecurityContext and securityContext',
      };
    } else if (/exceeded quota|(?:maximum|minimum) (?:cpu|memory)|failed quota|LimitRange/i.test(message)) {
      yield {
        id: 'HF314',
        object,
        evidence,
        mend: `kubectl describe resourcequota,limitrange ${where}; raise the limit, or lower resources or the number of pods`,
      };
    } else {
      yield { id: 'HF315', object, evidence, mend: `kubectl describe replicasets ${where}` };
    }
  }
  const wanted = spec?.replicas ?? 1;
  if (wanted === 0) {
    yield {
      id: 'HF316',
      object,
      evidence: 'replicas is 0',
      mend: `kubectl scale deployment ${gateway.name} --replicas 3 ${where}`,
    };
  }
  if (spec?.paused === true) {
    yield {
      id: 'HF317',
      object,
      evidence: 'spec.paused is true',
      mend: `kubectl rollout resume deployment ${gateway.name} ${where}`,
    };
  }
  const progress = condition('Progressing');
  if (progress?.status === 'False' && progress.reason === 'ProgressDeadlineExceeded') {
    yield {
      id: 'HF319',
      object,
      evidence: brief(progress.message ?? ''),
      mend: `kubectl rollout undo deployment ${gateway.name} ${where}`,
    };
  }
  const ready = gateway.pods.filter((pod) => isReady(pod)).length;
  const latest = Math.max(
    0,
    ...gateway.pods.map(({ metadata }) => new Date(metadata?.creationTimestamp ?? 0).getTime()),
  );
  if (ready < wanted && snapshot.takenAt.getTime() - latest > SETTLED_AFTER) {
    yield {
      id: 'HF320',
      object,
      evidence: `${ready} of ${wanted} pods are ready`,
      mend: `kubectl describe deployment ${gateway.name} ${where}`,
    };
  }
};
