import { randomId } from './random-id.js';
import { isRecord, type Store } from './store.js';

/** The maximum length of a name, in UTF-16 code units, as inputs count them. */
export const MAX_NAME_LENGTH = 32;

export interface Identity {
  readonly name: string;
  /** Random; identifies the user to the gateway's token endpoint, and is sent nowhere else. */
  readonly secret: string;
}

export function newIdentity(name: string): Identity {
  return { name, secret: randomId(32) };
}

/** The name without control characters and superfluous space; undefined if nothing visible is left or it is too long. */
export function normalizeName(input: string): string | undefined {
  const name = input.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  // Format characters join emoji, so they are kept; alone they are invisible.
  const visible = name.replace(/\p{Cf}/gu, '').trim();
  return visible === '' || name.length > MAX_NAME_LENGTH ? undefined : name;
}

/**
 * The identity of this page. The tab keeps it, so that a reload is the same person and a second window can be another one;
 * the browser remembers the last one, so that returning takes one key press.
 */
export class Identities {
  readonly #tab: Store;
  readonly #browser: Store;

  constructor(tab: Store, browser: Store) {
    this.#tab = tab;
    this.#browser = browser;
  }

  current(): Identity | undefined {
    return this.#tab.read('identity', isIdentity);
  }

  remembered(): Identity | undefined {
    return this.#browser.read('identity', isIdentity);
  }

  /** The remembered person if the name is theirs, otherwise a new one. */
  join(name: string): Identity {
    const remembered = this.remembered();
    return this.#keep(remembered?.name === name ? remembered : newIdentity(name));
  }

  /** The same person under another name. */
  rename(identity: Identity, name: string): Identity {
    return this.#keep({ ...identity, name });
  }

  #keep(identity: Identity): Identity {
    this.#tab.write('identity', identity);
    this.#browser.write('identity', identity);
    return identity;
  }
}

function isIdentity(value: unknown): value is Identity {
  return (
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    normalizeName(value['name']) === value['name'] &&
    typeof value['secret'] === 'string' &&
    /^[0-9a-f]{64}$/.test(value['secret'])
  );
}
