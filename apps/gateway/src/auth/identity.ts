import type { Json } from '@holdfast/protocol';

/** Who a client is, and what its token permits. */
export interface Identity {
  /** The token's `sub`; absent for an anonymous connection. */
  readonly user?: string;
  /** The token's `info`, which presence shows to others. */
  readonly info?: Json;
  /** The size of `info` as JSON, in bytes. */
  readonly infoBytes?: number;
  /** Patterns of channels that the token permits to subscribe to; `*` stands for any characters. */
  readonly channels: readonly string[];
  /** Patterns of channels that the token permits to publish to. */
  readonly publish: readonly string[];
  /** When the token expires, on the clock of `performance.now()`; absent if it never does. */
  readonly expiresAt?: number;
}

export const ANONYMOUS: Identity = { channels: [], publish: [] };
