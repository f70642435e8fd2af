import { hash, timingSafeEqual } from 'node:crypto';
import type { Reloadable } from '../config/index.js';

/** The keys of an API, compared without revealing anything about them. */
export class KnownKeys {
  private readonly digests: { readonly current: readonly Buffer[] };

  constructor(private readonly keys: Reloadable<readonly string[]>) {
    this.digests = keys.derive((all) => all.map(sha256));
  }

  get isEmpty(): boolean {
    return this.keys.current.length === 0;
  }

  /**
   * The digest of a known key; undefined if the given one is not known. Compares digests of equal length, all of them, in
   * constant time, so that timing reveals neither the length nor the position of a match.
   */
  digestOf(given: string): Buffer | undefined {
    const digest = sha256(given);
    let found = false;
    for (const known of this.digests.current) found = timingSafeEqual(digest, known) || found;
    return found ? digest : undefined;
  }
}

function sha256(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
