import { hash } from 'node:crypto';
import type { Caller } from './fair-slots.js';

/** Stands for all callers with neither a user nor an address: there may be any number of them. */
const NOBODY = 'nobody';

/** The client for which a request is sent. */
export interface Party {
  /** Absent for an anonymous connection. */
  readonly user?: string | undefined;
  readonly client: string;
}

/** Who waits in the queue, and who is at fault if a request fails. */
export interface Standing extends Caller {
  /** The caller that the circuit breaker counts a failure for. */
  readonly voter: string;
  /** Who has to wait if its requests keep failing. */
  readonly culprit: string;
}

/**
 * @param token only if nobody has verified it yet.
 * @param address the address that the client is counted under, if addresses are distinguished.
 */
export function standingOf({ user, client }: Party, address: string | undefined, token?: string): Standing {
  if (user !== undefined) {
    const key = `user:${user}`;
    return { key, isProven: true, voter: key, culprit: key };
  }
  const key = address === undefined ? `client:${client}` : `address:${address}`;
  return {
    key,
    isProven: false,
    voter: address === undefined ? NOBODY : key,
    // Many clients may share an address, and the same token always leads to the same request.
    culprit: token === undefined ? `client:${client}` : `token:${hash('sha256', token, 'base64url')}`,
  };
}
