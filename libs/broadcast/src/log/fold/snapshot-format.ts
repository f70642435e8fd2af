/** The first byte of everything in a snapshot. Never changed, and never used again for something else. */
export const ITEMS = { head: 0, channel: 1, key: 2, member: 3, connection: 4 } as const;

/** Added to what may be negative. */
export const BIAS = 2 ** 45;
