import { hash, randomBytes } from 'node:crypto';

/** 192 random bits, so that nobody guesses another client's session. */
const SESSION_BYTES = 24;
const SESSION = /^[A-Za-z0-9_-]{32}$/;

export interface Session {
  /** Known to the client alone. */
  readonly secret: string;
  /** The client id: a hash of the secret, so that presenting the secret proves the id without a look-up. */
  readonly client: string;
}

export function newSession(): Session {
  const secret = randomBytes(SESSION_BYTES).toString('base64url');
  return { secret, client: clientOf(secret) };
}

/** The session that a client presents, or a new one where it presents none or something that we never gave out. */
export function sessionOf(secret: string | null | undefined): Session {
  return secret && SESSION.test(secret) ? { secret, client: clientOf(secret) } : newSession();
}

function clientOf(secret: string): string {
  return hash('sha256', secret, 'base64url').slice(0, 22);
}
