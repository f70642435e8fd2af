import type { BrokerEvents } from '../../broker.js';
import type { Lanes } from '../client/lanes.js';

/** What the stores have in common. */
export interface StoreContext {
  readonly lanes: Lanes;
  readonly schema: string;
  /** This pod's id. */
  readonly pod: string;
  readonly report: BrokerEvents['onInvalid'];
}
