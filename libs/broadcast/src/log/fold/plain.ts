import type { StreamOptions } from '../../broker.js';
import { allowsPlain, type PlainFormat, type PlainPolicy, type PlainSettings } from '../../plain-messages.js';

/** For a broker without plain messages. */
export const NO_PLAIN: PlainFormat = { namespaceOf: () => undefined, accepts: () => false, encode: (json) => json };

/** The policy as a record of the log, which gives all pods the same one: empty if nothing is allowed. */
export function policyText(plain: PlainSettings | undefined): string {
  return plain !== undefined && allowsPlain(plain) ? JSON.stringify(plain.policy) : '';
}

const FORBIDDEN: PlainPolicy = { namespaces: {}, others: null, keyWindow: 0, maxPayload: 0 };

/** What is not a policy allows nothing. */
export function parsePolicy(text: string): PlainPolicy {
  try {
    const policy = JSON.parse(text) as Partial<PlainPolicy> | null;
    if (typeof policy?.keyWindow !== 'number' || typeof policy.maxPayload !== 'number') return FORBIDDEN;
    const { keyWindow, maxPayload, namespaces, others } = policy;
    if (typeof namespaces !== 'object' || others === undefined) return FORBIDDEN;
    return [others, ...Object.values(namespaces)].every(isStreamOrNull)
      ? { keyWindow, maxPayload, namespaces, others }
      : FORBIDDEN;
  } catch {
    return FORBIDDEN;
  }
}

function isStreamOrNull(stream: Partial<StreamOptions> | null): boolean {
  if (stream === null) return true;
  return [stream.historySize, stream.historyTtl, stream.positionTtl].every((value) => typeof value === 'number');
}
