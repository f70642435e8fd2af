/** A lease on a log that is short enough to be waited for, and long enough for a process that stalls for seconds. */
export const BRIEF_LEASE = 6_000;

/** The settings of a broker on a log that has this lease. */
export const BRIEF_LEASES = { beaconInterval: BRIEF_LEASE / 3 };
