import { hash, randomBytes } from 'node:crypto';

/** 192 random bits, so that nobody guesses another client's session. */
const SESSION_BYTES = 24;
/** So many sessions are drawn at once: one call of the random number generator costs as much as the rest. */
const DRAWN_AT_ONCE = 128;
const SESSION = /^[A-Za-z0-9_-]{32}$/;

export interface Session {
  /** Known to the client alone. */
  readonly secret: string;
  /** The client id: a hash of the secret, so that presenting the secret proves the id without a look-up. */
  readonly client: string;
}

let drawn = Buffer.alloc(0);
let used = 0;

export function newSession(): Session {
  if (used === drawn.length) {
    drawn = randomBytes(SESSION_BYTES * DRAWN_AT_ONCE);
    used = 0;
  }
  const secret = drawn.toString('base64url', used, used + SESSION_BYTES);
  // Nobody who reads the memory later finds it here.
  drawn.fill(0, used, used + SESSION_BYTES);
  used += SESSION_BYTES;
  return { secret, client: clientOf(secret) };
}

/** The session that a client presents, or a new one where it presents none or something that we never gave out. */
export function sessionOf(secret: string | null | undefined): Session {
  return secret && SESSION.test(secret) ? { secret, client: clientOf(secret) } : newSession();
}

function clientOf(secret: string): string {
  return hash('sha256', secret, 'base64url').slice(0, 22);
}
