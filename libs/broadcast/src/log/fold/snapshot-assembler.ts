import type { LogOffset } from '../log-adapter.js';
import type { StateRecord } from '../records/records.js';

/** A snapshot that is complete. */
export interface Snapshot {
  readonly asOf: LogOffset;
  readonly parts: readonly Uint8Array[];
}

/** Snapshots that may be under way at once. */
const MAX_OPEN = 4;

/** Puts the parts of snapshots together. One of which a part is missing is given up. */
export class SnapshotAssembler {
  readonly #open = new Map<string, Uint8Array[]>();
  readonly #keeps: boolean;

  /** @param keeps whether the parts are needed, and not only the news that they are complete. */
  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  /** @returns the snapshot that this part completes. */
  add({ id, part, isLast, asOf, data }: StateRecord): Snapshot | undefined {
    const parts = part === 0 ? [] : this.#open.get(id);
    if (parts === undefined || part < parts.length) return undefined;
    if (part > parts.length) {
      this.#open.delete(id);
      return undefined;
    }
    parts.push(this.#keeps ? data : new Uint8Array());
    if (!isLast) {
      this.#open.set(id, parts);
      this.#limit();
      return undefined;
    }
    this.#open.delete(id);
    return { asOf, parts };
  }

  #limit(): void {
    for (const id of this.#open.keys()) {
      if (this.#open.size <= MAX_OPEN) return;
      this.#open.delete(id);
    }
  }
}
