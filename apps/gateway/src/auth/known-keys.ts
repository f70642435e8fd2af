import { hash, timingSafeEqual } from 'node:crypto';
import type { Reloadable } from '../config/index.js';

const ID_LENGTH = 22;

/** The keys of an API, compared without revealing anything about them. */
export class KnownKeys {
  private readonly known: { readonly current: readonly { readonly digest: Buffer; readonly id: string }[] };

  constructor(private readonly keys: Reloadable<readonly string[]>) {
    this.known = keys.derive((all) =>
      all.map((key) => {
        const digest = sha256(key);
        return { digest, id: digest.toString('base64url').slice(0, ID_LENGTH) };
      }),
    );
  }

  get isEmpty(): boolean {
    return this.keys.current.length === 0;
  }

  /**
   * The id of a known key, a part of its digest; undefined if the given one is not known. Compares digests of equal length, all of them, in
   * constant time, so that timing reveals neither the length nor the position of a match.
   */
  idOf(given: string): string | undefined {
    const digest = sha256(given);
    let found: string | undefined;
    for (const { digest: known, id } of this.known.current) found = timingSafeEqual(digest, known) ? id : found;
    return found;
  }
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
