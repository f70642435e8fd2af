import { z } from 'zod';
import { movesSignalSchema } from './gateway/moves.js';
import { userSignalSchema } from './users/user-command.js';

/** What a pod tells all pods. */
const signalSchema = z.union([userSignalSchema, movesSignalSchema]);
export type Signal = z.output<typeof signalSchema>;

/** @returns undefined for what is no signal that this release knows. */
export function parseSignal(text: string): Signal | undefined {
  try {
    return signalSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
