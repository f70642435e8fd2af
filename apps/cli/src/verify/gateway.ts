import type { Publish } from '../publication.js';
import type { Deadline } from './deadline.js';
import type { Destination } from './destination.js';

/** A pod, and the way to it. */
export interface Pod {
  /** The name that it welcomes clients with. */
  readonly node: string;
  readonly destination: Destination;
}

/** What the checks look at. */
export interface Gateway {
  /** At least one. */
  readonly pods: readonly [Pod, ...Pod[]];
  readonly token: string | undefined;
  /** By the HTTP API; undefined where there is no key to it. */
  readonly publishByApi: Publish | undefined;
  readonly deadline: Deadline;
}

/** The pod at this place, counted around: that of another place where there are so many pods. */
export function podAt({ pods }: Gateway, place: number): Pod {
  return pods[place % pods.length] ?? pods[0];
}
