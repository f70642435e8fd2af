import { isReady } from '../../gateway/gateway.js';
import { nameOf } from '../../gateway/labels.js';
import { brief, eventOf, statusesOf, type FindReason } from './reason.js';

/** How long a pod may take to become ready beyond its initial delay, in ms. */
const STARTED_WITHIN = 30_000;

/** A pod that runs, and is not ready. */
export const probeReason: FindReason = (pod, { snapshot, gateway }) => {
  const running = statusesOf(pod).find(({ name }) => name === gateway.container.name)?.state?.running;
  if (running === undefined || isReady(pod)) return undefined;
  const probe = gateway.container.readinessProbe;
  const since = snapshot.takenAt.getTime() - new Date(running.startedAt ?? 0).getTime();
  if (since < STARTED_WITHIN + (probe?.initialDelaySeconds ?? 0) * 1_000) return undefined;
  const event = eventOf(snapshot, [nameOf(pod)], /^Readiness probe failed/);
  const { path, port } = probe?.httpGet ?? {};
  return {
    id: 'HF318',
    evidence: `${brief(event ?? 'the pod is not ready')}; the probe asks ${path ?? 'nothing by HTTP'}${port === undefined ? '' : ` on port ${port}`}`,
    mend: `let the probe ask /health/ready on port ${gateway.settings.port}, or see kubectl logs ${nameOf(pod)} --namespace ${snapshot.namespace}`,
  };
};
