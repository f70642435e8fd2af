import { hash, randomBytes } from 'node:crypto';

/** 192 random bits, so that nobody guesses another client's session. */
const SESSION_BYTES = 24;
/** So many sessions are drawn at once: one call of the random number generator costs as much as the rest. */
const DRAWN_AT_ONCE = 128;
const SESSION = /^[A-Za-z0-9_-]{32}$/;

export interface Session {
  /** Known to the client alone. */
  readonly secret: string;
  /** A hash of the secret: two connections with the same one are of the same session, whoever their users are. */
  readonly id: string;
  /**
   * The client id: a hash of the secret and the user, so that presenting both proves it without a look-up, and two users
   * of one session are two clients. {@link id} while there is no user.
   */
  readonly client: string;
  /** Whether the client presented it, so that it may have another connection. */
  readonly presented: boolean;
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
  return anonymous(secret, false);
}

/** The session that a client presents, or a new one if it presents none or something that we never gave out. */
export function sessionOf(secret: string | null | undefined): Session {
  return secret && SESSION.test(secret) ? anonymous(secret, true) : newSession();
}

/** The same session, for a client who has proved to be this user. */
export function sessionOfUser({ secret, id, presented }: Session, user: string | undefined): Session {
  // The secret has a fixed length, so that no two pairs are the same text.
  return { secret, id, client: user === undefined ? id : digest(secret + user), presented };
}

function anonymous(secret: string, presented: boolean): Session {
  const id = digest(secret);
  return { secret, id, client: id, presented };
}

function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}
