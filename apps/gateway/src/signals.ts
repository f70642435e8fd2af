import { z } from 'zod';
import { drainedSignalSchema } from './lifecycle/drain-reports.js';
import { movesSignalSchema } from './sessions/moves.js';
import { blocksSignalSchema, userSignalSchema } from './users/user-command.js';

/** What a pod sends to all pods. */
const signalSchema = z.union([userSignalSchema, movesSignalSchema, drainedSignalSchema, blocksSignalSchema]);
export type Signal = z.output<typeof signalSchema>;

/** @returns undefined if it is not a signal that this release knows. */
export function parseSignal(text: string): Signal | undefined {
  try {
    return signalSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
