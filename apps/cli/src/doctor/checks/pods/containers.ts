import { nameOf } from '../../gateway/labels.js';
import { brief, eventOf, statusesOf, type FindReason } from './reason.js';

const WAITING = new Set(['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError', 'StartError']);

const MISSING =
  /(secret|configmap) "?([\w.-]+)"? not found|references non-existent (?:secret|config) key|couldn't find key|non-existent/i;

/** A container that ended before its process ran, for example because its command does not exist. */
const NEVER_RAN = new Set(['StartError', 'ContainerCannotRun']);

/** A container that cannot be created. */
export const createReason: FindReason = (pod, { snapshot }) => {
  const ends = statusesOf(pod).map(({ state, lastState }) => state?.terminated ?? lastState?.terminated);
  const neverRan = ends.find((end) => NEVER_RAN.has(end?.reason ?? ''))?.message;
  const waiting = statusesOf(pod).find(({ state }) => WAITING.has(state?.waiting?.reason ?? ''))?.state?.waiting;
  const isCreating = statusesOf(pod).some(({ state }) =>
    /^(?:ContainerCreating|PodInitializing)$/.test(state?.waiting?.reason ?? ''),
  );
  const message =
    neverRan ??
    waiting?.message ??
    (isCreating ? eventOf(snapshot, [nameOf(pod)], /MountVolume|FailedMount/) : undefined);
  if (message === undefined) return undefined;
  const missing = MISSING.exec(message);
  if (missing === null) {
    return {
      id: 'HF309',
      evidence: brief(message),
      mend: `kubectl describe pod ${nameOf(pod)} --namespace ${snapshot.namespace}`,
    };
  }
  const [, kind, name] = missing;
  return {
    id: 'HF308',
    evidence: brief(message),
    mend:
      name === undefined || kind === undefined
        ? 'add the key that the message names to the Secret or ConfigMap'
        : `create the ${kind.toLowerCase() === 'secret' ? 'Secret' : 'ConfigMap'} ${name} in namespace ${snapshot.namespace}, or correct its name`,
  };
};
