import { userSignalSchema, type UserSignal } from './users/user-command.js';

/** What a pod tells all pods; undefined if it is nothing that this release knows. */
export function parseSignal(text: string): UserSignal | undefined {
  try {
    return userSignalSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
