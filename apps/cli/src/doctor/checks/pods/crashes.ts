import type { V1ContainerStateTerminated, V1ContainerStatus } from '@kubernetes/client-node';
import { nameOf } from '../../gateway/labels.js';
import { isReady } from '../../gateway/gateway.js';
import { brief, eventOf, statusesOf, type FindReason } from './reason.js';

/** EX_CONFIG of sysexits.h: the gateway exits with it if its configuration is not valid. */
const EX_CONFIG = 78;

/** A crash of a pod that is ready again counts for this long, in ms. */
const RECENT = 60 * 60_000;

/** A container that ended. */
export const crashReason: FindReason = (pod, { snapshot, gateway }) => {
  const status = statusesOf(pod).find((one) => endOf(one) !== undefined);
  const end = status && endOf(status);
  if (status === undefined || end === undefined) return undefined;
  const isOld = snapshot.takenAt.getTime() - new Date(end.finishedAt ?? 0).getTime() > RECENT;
  if (isReady(pod) && (isOld || end.reason !== 'OOMKilled')) return undefined;
  // It has been running since, so it is not why the pod is not ready now.
  if (isOld && status.state?.running !== undefined) return undefined;
  const times = `${status.restartCount} restart${status.restartCount === 1 ? '' : 's'}`;
  const log = snapshot.logs.get(nameOf(pod)) ?? '';
  if (end.reason === 'OOMKilled') {
    const limit = gateway.container.resources?.limits?.['memory'];
    return {
      id: 'HF305',
      evidence: `OOMKilled, ${times}; the memory limit is ${limit ?? 'not set'}`,
      mend: 'raise resources.limits.memory',
    };
  }
  if (end.exitCode === EX_CONFIG) {
    const problem = lastError(log);
    return {
      id: 'HF304',
      evidence: `exit code 78, ${times}${problem === '' ? '' : `: ${problem}`}`,
      mend: `correct ${settingIn(problem) ?? 'the setting that `kubectl logs --previous` names'}`,
    };
  }
  const liveness = eventOf(snapshot, [nameOf(pod)], /^Liveness probe failed|failed liveness probe/);
  if (liveness !== undefined && [0, 1, 137, 143].includes(end.exitCode)) {
    return {
      id: 'HF306',
      evidence: `${brief(liveness)}, ${times}`,
      mend: 'set the path /health/live and the port of the gateway, and enough CPU',
    };
  }
  const error = lastError(log);
  return {
    id: 'HF307',
    evidence: `container ${status.name} ended with exit code ${end.exitCode}, ${times}${error === '' ? '' : `; its log: ${error}`}`,
    mend: `kubectl logs ${nameOf(pod)} --previous --container ${status.name} --namespace ${snapshot.namespace}`,
  };
};

/** How a container ended that should run. The gateway ends with 0 if a liveness probe stops it. */
function endOf({ state, lastState }: V1ContainerStatus): V1ContainerStateTerminated | undefined {
  // Init containers end with 0, and so does a pod that is being stopped.
  if (state?.terminated?.exitCode === 0) return undefined;
  return state?.terminated ?? lastState?.terminated;
}

/** The last line of a log that describes an error, or else the last line. */
export function lastError(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const found = lines.findLast((line) => /"level":(?:50|60)|^holdfast: |error|fatal|cannot/i.test(line));
  return brief(messageOf(found ?? lines.at(-1) ?? ''));
}

/** The message of a line of JSON. */
function messageOf(line: string): string {
  try {
    const { msg, reason, err } = JSON.parse(line) as { msg?: string; reason?: string; err?: { message?: string } };
    return [msg, reason ?? err?.message].filter((part) => part !== undefined).join(': ') || line;
  } catch {
    return line.replace(/^holdfast: /, '');
  }
}

/** The variable or path with which a problem of the configuration begins. */
function settingIn(problem: string): string | undefined {
  return /\b(HOLDFAST_[A-Z_]+)\b/.exec(problem)?.[1] ?? /^([\w.]+):/.exec(problem)?.[1];
}
