import { hash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';

/** 192 random bits, so that nobody can guess another client's session. */
const SESSION_BYTES = 24;
/** Secrets are drawn in batches, since a call of the random number generator costs as much as all the rest. */
const BATCH = 128;
const SESSION = /^[A-Za-z0-9_-]{32}$/;

export interface Session {
  /** Known only to the client. */
  readonly secret: string;
  /** A hash of the secret: connections with the same one belong to the same session, whoever their users are. */
  readonly id: string;
  /**
   * The client id: a hash of the secret and the user, so that presenting both proves it without a lookup, and two users
   * of one session are two clients. Equal to {@link id} without a user.
   */
  readonly client: string;
  /** Whether the client presented it, so that it may have another connection. */
  readonly presented: boolean;
}

/** Issues sessions, and recognizes those that clients present. */
@Injectable()
export class Sessions {
  private drawn = Buffer.alloc(0);
  private used = 0;

  create(): Session {
    if (this.used === this.drawn.length) {
      this.drawn = randomBytes(SESSION_BYTES * BATCH);
      this.used = 0;
    }
    const end = this.used + SESSION_BYTES;
    const secret = this.drawn.toString('base64url', this.used, end);
    // So that a later dump of the memory does not show it.
    this.drawn.fill(0, this.used, end);
    this.used = end;
    return anonymous(secret, false);
  }

  /** The session that a client presents, or a new one if it presents none or a text that cannot be a secret. */
  of(secret: string | null | undefined): Session {
    return secret && SESSION.test(secret) ? anonymous(secret, true) : this.create();
  }
}

/** The same session, for a client that has proven to be this user. */
export function sessionOfUser({ secret, id, presented }: Session, user: string | undefined): Session {
  // The secret has a fixed length, so that no two pairs give the same text.
  return { secret, id, client: user === undefined ? id : digest(secret + user), presented };
}

function anonymous(secret: string, presented: boolean): Session {
  const id = digest(secret);
  return { secret, id, client: id, presented };
}

function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}
