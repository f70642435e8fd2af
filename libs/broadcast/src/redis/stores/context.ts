import type { RedisInput } from '../input.js';
import type { Keyspace } from '../keyspace.js';
import type { Router } from '../topology/router.js';

/** What the stores have in common. */
export interface StoreContext {
  readonly router: Router;
  readonly keyspace: Keyspace;
  readonly input: RedisInput;
  /** This pod's id. */
  readonly pod: string;
}

/** ms for which the keys of a pod are kept without renewal, in case that no pod is left to sweep them. */
export const UNSWEPT_TTL = 3_600_000;
