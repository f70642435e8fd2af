import { BROKER } from './broker.js';
import { EDGE } from './edge.js';
import type { Entry } from './entry.js';
import { OPERATION } from './operation.js';
import { PODS } from './pods.js';
import { SERVICE } from './service.js';

/** In the order in which a message of a client passes them, and a person would look. */
export const LAYERS = {
  edge: { title: 'From the browser to the Service', entries: EDGE },
  service: { title: 'From the Service to the pods', entries: SERVICE },
  pods: { title: 'Pods that do not start or are not ready', entries: PODS },
  broker: { title: 'The broker and the messages', entries: BROKER },
  operation: { title: 'Rollouts, drains, scaling and capacity', entries: OPERATION },
} as const;

export type LayerName = keyof typeof LAYERS;

/** All findings, by their numbers. A number never changes its meaning. */
export const CATALOGUE = { ...EDGE, ...SERVICE, ...PODS, ...BROKER, ...OPERATION } as const;

export type FindingId = keyof typeof CATALOGUE;

export const FINDING_IDS = Object.keys(CATALOGUE) as FindingId[];

export function entryOf(id: FindingId): Entry {
  return CATALOGUE[id];
}

export function layerOf(id: FindingId): LayerName {
  const found = (Object.keys(LAYERS) as LayerName[]).find((name) => id in LAYERS[name].entries);
  if (found === undefined) throw new Error(`${id} is in no layer`);
  return found;
}
