import type { V1Pod } from '@kubernetes/client-node';
import type { FindingId } from '../../catalogue/index.js';
import type { Finding } from '../../finding.js';
import { nameOf } from '../../gateway/labels.js';
import type { Check, Situation } from '../check.js';
import { createReason } from './containers.js';
import { crashReason } from './crashes.js';
import { imageReason } from './images.js';
import { probeReason } from './readiness.js';
import type { FindReason, Reason } from './reason.js';
import { scheduleReason } from './scheduling.js';

/** In the order of a pod's life: the first that knows a reason is right. */
const REASONS: readonly FindReason[] = [scheduleReason, imageReason, createReason, crashReason, probeReason];

/** Pods that do not start, crash, or are not ready. Pods with the same reason are one finding. */
export const checkPods: Check = function* (situation) {
  const groups = new Map<FindingId, { reason: Reason; pods: string[] }>();
  for (const pod of situation.gateway.pods) {
    const reason = reasonOf(pod, situation);
    if (reason === undefined) continue;
    const group = groups.get(reason.id) ?? { reason, pods: [] };
    group.pods.push(nameOf(pod));
    groups.set(reason.id, group);
  }
  for (const { reason, pods } of groups.values()) yield findingOf(reason, pods);
};

function findingOf({ id, evidence, mend }: Reason, pods: readonly string[]): Finding {
  const [first, ...others] = pods;
  return { id, object: `Pod/${first}${others.length === 0 ? '' : ` (and ${others.length} more)`}`, evidence, mend };
}

function reasonOf(pod: V1Pod, situation: Situation): Reason | undefined {
  for (const find of REASONS) {
    const reason = find(pod, situation);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
