import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import type { FindingId } from '../../catalogue/index.js';
import type { Snapshot } from '../../snapshot/snapshot.js';
import type { Situation } from '../check.js';

/** Why a pod does not run as it should. */
export interface Reason {
  readonly id: FindingId;
  readonly evidence: string;
  readonly mend: string;
}

/** Finds out why a pod does not run; undefined if it sees no reason. */
export type FindReason = (pod: V1Pod, situation: Situation) => Reason | undefined;

/** The states of all containers of a pod, in the order in which they start. */
export function statusesOf({ status }: V1Pod): readonly V1ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}

/** The latest message of the events of some objects that matches; undefined if there is none. */
export function eventOf({ events }: Snapshot, objects: readonly string[], pattern: RegExp): string | undefined {
  const found = (events ?? []).filter(
    ({ involvedObject, message = '' }) => objects.includes(involvedObject.name ?? '') && pattern.test(message),
  );
  const times = found.map(({ lastTimestamp, eventTime }) => new Date(lastTimestamp ?? eventTime ?? 0).getTime());
  return found[times.indexOf(Math.max(...times))]?.message;
}

/** The first `length` characters of a message on one line. */
export function brief(message: string, length = 300): string {
  const line = message.trim().replaceAll(/\s+/g, ' ');
  return line.length <= length ? line : `${line.slice(0, length)}…`;
}
