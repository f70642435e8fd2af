import type { BrokerClock, Presence } from '@holdfast/broadcast';

/** The broker's presence, for clients and channels of the whole cluster. */
export type ClusterPresence = Pick<Presence, 'join' | 'leave'> & BrokerClock;
