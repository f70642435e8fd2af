/**
 * Whether a client reconnects after a close:
 * `always` (with back-off; others than the gateway send these codes as well), `never`, `token` (only with a different token), or `session` (only with a new session).
 */
export type Retry = 'always' | 'never' | 'token' | 'session';

interface CloseCode {
  readonly code: number;
  readonly retry: Retry;
  /** The reason in the close frame, at most 123 bytes (RFC 6455, section 5.5.1). */
  readonly reason: string;
}

/** Every close code of the gateway; 1xxx are from RFC 6455, section 7.4.1 and the IANA registry, 4xxx are our own. */
export const CLOSE = {
  normal: { code: 1000, retry: 'always', reason: 'closed' },
  goingAway: { code: 1001, retry: 'always', reason: 'going away' },
  badFraming: { code: 1002, retry: 'always', reason: 'a frame violated RFC 6455' },
  invalidText: { code: 1007, retry: 'always', reason: 'a text frame was not UTF-8' },
  abuse: { code: 1008, retry: 'never', reason: 'too many frames, or too many invalid ones' },
  tooBig: { code: 1009, retry: 'always', reason: 'a frame was larger than maxPayload' },
  internal: { code: 1011, retry: 'always', reason: 'internal error' },
  restart: { code: 1012, retry: 'always', reason: 'this gateway is shutting down, resume on another' },
  overloaded: {
    code: 1013,
    retry: 'always',
    reason: 'overloaded, too slow, or authorization unavailable: resume later',
  },
  unauthorized: { code: 4001, retry: 'token', reason: 'token missing, invalid or expired' },
  forbidden: { code: 4003, retry: 'never', reason: 'forbidden' },
  disconnected: { code: 4009, retry: 'never', reason: 'disconnected by the API' },
  replaced: {
    code: 4010,
    retry: 'session',
    reason: 'a newer connection of this session took over: use a new session for a separate client',
  },
} as const satisfies Record<string, CloseCode>;

export type CloseName = keyof typeof CLOSE;

/** Whether a client reconnects after `code`. It does after unknown codes, such as 1006, because they say nothing about the cause. */
export function retryAfterClose(code: number): Retry {
  // Not read from the table, so that its texts do not become part of the bundles of clients.
  switch (code) {
    case 1008:
    case 4003:
    case 4009:
      return 'never';
    case 4001:
      return 'token';
    case 4010:
      return 'session';
    default:
      return 'always';
  }
}
