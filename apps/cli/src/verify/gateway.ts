import type { Publish } from '../publication.js';
import type { Deadline } from './deadline.js';
import type { Destination } from './destination.js';

/** A pod, and how to reach it. */
export interface Pod {
  /** Its name in the welcome. */
  readonly node: string;
  readonly destination: Destination;
}

/** The gateway under test. */
export interface Gateway {
  /** At least one. */
  readonly pods: readonly [Pod, ...Pod[]];
  readonly token: string | undefined;
  /** Publishes through the HTTP API; undefined if there is no API key. */
  readonly publishByApi: Publish | undefined;
  readonly deadline: Deadline;
}

/** The pod with this index, modulo the number of pods. */
export function podAt({ pods }: Gateway, place: number): Pod {
  return pods[place % pods.length] ?? pods[0];
}
