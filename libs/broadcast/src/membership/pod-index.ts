import { firstOf } from './first-of.js';
import { KeyedQueue } from './keyed-queue.js';

export const POD_INDEX_KINDS = ['channels', 'presence', 'users'] as const;
/** Names of channels that the pod is subscribed to, of channels in which it has members, of users who are connected to it. */
export type PodIndexKind = (typeof POD_INDEX_KINDS)[number];

export interface IndexStore {
  /** Adds and removes names of this pod. No name is in both lists. */
  write(kind: PodIndexKind, added: readonly string[], removed: readonly string[]): Promise<void>;
  /** Keeps this pod's names from expiring. */
  keep(kind: PodIndexKind): Promise<void>;
  /** A page of a pod's names, in order. @param after the last name of the previous page; '' for the first page. */
  page(pod: string, kind: PodIndexKind, after: string): Promise<string[]>;
  /** Removes all names of this pod. */
  clear(kind: PodIndexKind): Promise<void>;
}

/** Notes what groups a pod has, so that a pod that sweeps it finds them. */
export type GroupIndex = Pick<PodIndex, 'add' | 'remove'>;

/** Names per command, at most. */
const BATCH = 500;

interface Names {
  readonly wanted: Set<string>;
  /** Names whose state in the store may differ from what is wanted. */
  readonly unwritten: Set<string>;
}

/**
 * What a pod has, kept on the server: for the list of channels, and for the pods that sweep this one when it is dead. One
 * write of each kind runs at a time, with everything that has changed since the last one. A name that changes during the
 * write is written again. A failed write is retried.
 */
export class PodIndex {
  readonly #store: IndexStore;
  readonly #names: Readonly<Record<PodIndexKind, Names>> = {
    channels: { wanted: new Set(), unwritten: new Set() },
    presence: { wanted: new Set(), unwritten: new Set() },
    users: { wanted: new Set(), unwritten: new Set() },
  };
  readonly #queue: KeyedQueue;

  constructor(store: IndexStore) {
    this.#store = store;
    const turn = async (kind: PodIndexKind): Promise<boolean> => this.#write(kind);
    this.#queue = new KeyedQueue(async (key) => turn(key as PodIndexKind), POD_INDEX_KINDS.length);
  }

  has(kind: PodIndexKind, name: string): boolean {
    return this.#names[kind].wanted.has(name);
  }

  add(kind: PodIndexKind, name: string): void {
    const { wanted } = this.#names[kind];
    if (wanted.has(name)) return;
    wanted.add(name);
    this.#changed(kind, name);
  }

  remove(kind: PodIndexKind, name: string): void {
    if (this.#names[kind].wanted.delete(name)) this.#changed(kind, name);
  }

  /** The store has a name that this pod does not have. */
  removeOrphan(kind: PodIndexKind, name: string): void {
    if (!this.has(kind, name)) this.#changed(kind, name);
  }

  /** The store may have lost all names. */
  markLost(): void {
    for (const kind of POD_INDEX_KINDS) {
      const { wanted, unwritten } = this.#names[kind];
      for (const name of wanted) unwritten.add(name);
      this.#queue.add(kind);
    }
  }

  /** Retries failed writes at once. */
  retryNow(): void {
    this.#queue.retryNow();
  }

  async prolong(): Promise<void> {
    await Promise.allSettled(POD_INDEX_KINDS.map(async (kind) => this.#store.keep(kind)));
  }

  /** Stops writing. */
  async close(): Promise<void> {
    await this.#queue.close();
  }

  /** For a pod that stops: it has no channels and users any more. Its members are swept later. */
  async withdraw(): Promise<void> {
    await Promise.allSettled([this.#store.clear('channels'), this.#store.clear('users')]);
  }

  #changed(kind: PodIndexKind, name: string): void {
    this.#names[kind].unwritten.add(name);
    this.#queue.add(kind);
  }

  async #write(kind: PodIndexKind): Promise<boolean> {
    const { wanted, unwritten } = this.#names[kind];
    const batch = firstOf(unwritten, BATCH);
    if (batch.length === 0) return false;
    // Before the write: a name that changes during it has to stay.
    for (const name of batch) unwritten.delete(name);
    const added = batch.filter((name) => wanted.has(name));
    const removed = batch.filter((name) => !wanted.has(name));
    try {
      await this.#store.write(kind, added, removed);
    } catch (error) {
      for (const name of batch) unwritten.add(name);
      throw error;
    }
    return unwritten.size > 0;
  }
}
