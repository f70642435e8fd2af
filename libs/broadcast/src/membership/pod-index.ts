import { firstOf } from './first-of.js';
import { KeyedQueue } from './keyed-queue.js';
import { POD_INDEX_KINDS, type PodIndexKind } from '../redis/keyspace.js';

export interface IndexStore {
  /** Adds and removes names of this pod's. No name is in both lists. */
  write(kind: PodIndexKind, added: readonly string[], removed: readonly string[]): Promise<void>;
  /** Keeps this pod's names from expiring. */
  keep(kind: PodIndexKind): Promise<void>;
  /** A page of a pod's names, in their order. @param after the last name of the page before; '' for the first page. */
  page(pod: string, kind: PodIndexKind, after: string): Promise<string[]>;
  /** Forgets all names of this pod's. */
  clear(kind: PodIndexKind): Promise<void>;
}

/** Names written by one command at most. */
const BATCH = 500;

interface Names {
  readonly wanted: Set<string>;
  /** Names that the store may not have as wanted. */
  readonly unwritten: Set<string>;
}

/**
 * Which channels, rooms and users a pod has, kept on the server: for the list of channels, and for those who sweep up after
 * the pod. Of each kind one write is under way at a time, and takes with it all that changed since the last one; a name that
 * changes meanwhile is written once more. What fails is tried again.
 */
export class PodIndex {
  readonly #store: IndexStore;
  readonly #names: Readonly<Record<PodIndexKind, Names>> = {
    channels: { wanted: new Set(), unwritten: new Set() },
    rooms: { wanted: new Set(), unwritten: new Set() },
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

  /** The store has a name that this pod does not want. */
  removeStray(kind: PodIndexKind, name: string): void {
    if (!this.has(kind, name)) this.#changed(kind, name);
  }

  /** The store may have lost all of it. */
  lost(): void {
    for (const kind of POD_INDEX_KINDS) {
      const { wanted, unwritten } = this.#names[kind];
      for (const name of wanted) unwritten.add(name);
      this.#queue.add(kind);
    }
  }

  /** Writes at once what could not be written. */
  hurry(): void {
    this.#queue.hurry();
  }

  async prolong(): Promise<void> {
    await Promise.allSettled(POD_INDEX_KINDS.map(async (kind) => this.#store.keep(kind)));
  }

  /** Writes nothing more. */
  async close(): Promise<void> {
    await this.#queue.close();
  }

  /** Of a pod that goes: it has no channels and users any more. What it leaves in rooms is swept up later. */
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
    // Not after the write: a name that changes meanwhile has to stay.
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
