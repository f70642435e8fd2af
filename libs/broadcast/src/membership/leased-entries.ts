import { BrokerUnavailableError } from '../errors.js';
import { firstOf } from './first-of.js';
import { KeyedQueue } from './keyed-queue.js';
import type { GroupIndex, PodIndexKind } from './pod-index.js';
import { Rotation } from './rotation.js';

/** What this pod keeps on the server for one of its clients, for as long as the pod's lease lasts. */
export interface LeasedEntry {
  readonly holder: string;
  /** Whether the store may have the entry. */
  isStored?: boolean;
  /** What the store may have for the client until this entry is written. */
  previous?: this | undefined;
}

/** Stores the entries. There is one call for a group at a time, except for those in {@link LeasedEntries.write}. */
export interface LeasedEntryStore<Entry extends LeasedEntry> {
  /** Restores the entries of a group, except those that a later holder has taken over. */
  restore(group: string, entries: readonly (readonly [client: string, entry: Entry])[]): Promise<Restored>;
  /** Removes clients from a group, if they still belong to this pod. */
  remove(group: string, clients: readonly string[]): Promise<void>;
  /** The clients of a group that belong to this pod, according to the store. */
  stored(group: string): Promise<string[]>;
  /** Keeps a group from expiring. @returns whether the store has the group. */
  prolong(group: string): Promise<boolean>;
  /** Removes some clients of a dead pod from a group. @returns whether there may be more of them. */
  sweep(group: string, dead: string): Promise<boolean>;
}

export interface Restored {
  /** How many of the clients belong to this pod now. */
  readonly own: number;
  /** How many clients of this pod the group has now, at most. */
  readonly total: number;
}

/** The work that is left for one group. */
interface Pending {
  /** Clients whose entry in the store may differ from the one here. Whether to restore or to remove them is decided when their turn comes. */
  readonly clients: Set<string>;
  /** Whether the store may have clients of this pod that are not here. */
  mayHaveOrphans: boolean;
  /** How many clients are known to be in the store correctly; NaN if unknown. */
  own: number;
}

/** Clients per command, at most. */
const BATCH = 50;
/** Groups processed at a time. */
const CONCURRENCY = 32;
/** Groups prolonged at a time. */
const PROLONG_BATCH = 100;

/**
 * The entries of this pod's clients, in groups. On the server they live as long as the pod's lease, and a server that has lost
 * them gets them back.
 *
 * The entries here are the desired state. If a write fails, or the server may have lost it, the client is noted once and
 * reconciled when its group has its turn, whatever has happened to it since. So the backlog is never larger than what the
 * server may have of this pod.
 */
export class LeasedEntries<Entry extends LeasedEntry> {
  /** What the groups are. */
  readonly kind: PodIndexKind;
  readonly #store: LeasedEntryStore<Entry>;
  readonly #index: GroupIndex;
  readonly #groups = new Map<string, Map<string, Entry>>();
  readonly #rotation = new Rotation(this.#groups);
  readonly #pending = new Map<string, Pending>();
  /** Groups in the index that became unused since the last {@link pruneIndex}, and before it. */
  #vacated = new Set<string>();
  #vacatedBefore = new Set<string>();
  readonly #queue = new KeyedQueue(async (group, failures) => this.#settle(group, failures), CONCURRENCY);
  #losses = 0;

  constructor(kind: PodIndexKind, store: LeasedEntryStore<Entry>, index: GroupIndex) {
    this.kind = kind;
    this.#store = store;
    this.#index = index;
  }

  get groups(): Iterable<string> {
    return this.#groups.keys();
  }

  /** How many clients wait to be reconciled. */
  get backlog(): number {
    let count = 0;
    for (const { clients } of this.#pending.values()) count += clients.size;
    return count;
  }

  get(group: string, client: string): Entry | undefined {
    return this.#groups.get(group)?.get(client);
  }

  /** Adds an entry here, not yet in the store; and its group to the pod's index, so that a pod that sweeps this one finds it. */
  add(group: string, client: string, entry: Entry): void {
    const clients = this.#groups.get(group) ?? new Map<string, Entry>();
    const former = clients.get(client);
    if (former !== undefined) entry.previous = former.isStored === true ? former : former.previous;
    clients.set(client, entry);
    this.#groups.set(group, clients);
    this.#index.add(this.kind, group);
  }

  /** Returns to the previous entry, because this one could not be written. */
  rollBack(group: string, client: string, entry: Entry): void {
    if (this.get(group, client) !== entry || entry.isStored === true) return;
    if (entry.previous === undefined) {
      this.#forget(group, client);
      this.#release(group);
    } else this.#groups.get(group)?.set(client, entry.previous);
  }

  /**
   * Removes an entry if it still belongs to this holder, and writes the removal. A removal that fails is retried later.
   *
   * @throws what `write` throws.
   */
  async remove<T>(group: string, client: string, holder: string, write: () => Promise<T>): Promise<T> {
    const entry = this.#take(group, client, holder);
    try {
      return await write();
    } catch (error) {
      // An entry that was never written needs no removal: this bounds the backlog.
      if (entry?.isStored === true || entry?.previous?.isStored === true) this.reconcile(group, client);
      throw error;
    } finally {
      this.#release(group);
    }
  }

  /**
   * Writes an entry and records the outcome.
   *
   * @throws what `write` throws; the entry stays here.
   */
  async write<T>(group: string, client: string, entry: Entry, write: () => Promise<T>): Promise<T> {
    const losses = this.#losses;
    try {
      const result = await write();
      entry.isStored = true;
      entry.previous = undefined;
      if (losses === this.#losses && this.get(group, client) === entry) this.#settled(group, client);
      return result;
    } catch (error) {
      if (!(error instanceof BrokerUnavailableError)) entry.isStored = true;
      throw error;
    } finally {
      // It may have been removed or replaced while it was being written.
      if (entry.isStored === true && this.get(group, client) !== entry) this.reconcile(group, client);
    }
  }

  /** The store's entry for a client may differ from the one here. */
  reconcile(group: string, client: string): void {
    this.#pendingOf(group).clients.add(client);
    this.#queue.add(group);
  }

  /** The store may have lost any write or removal so far. */
  markLost(): void {
    this.#losses += 1;
    for (const [group, held] of this.#groups) {
      const { clients } = this.#pendingOf(group);
      for (const client of held.keys()) clients.add(client);
      this.#check(group);
    }
    for (const group of [...this.#vacated, ...this.#vacatedBefore]) this.#check(group);
  }

  /**
   * Removes groups from the index that have been unused since the last call. Not at once: the server may lose the removal of
   * the last client, and then the group has to be found.
   */
  pruneIndex(): void {
    for (const group of this.#vacatedBefore) if (!this.#isInUse(group)) this.#index.remove(this.kind, group);
    this.#vacatedBefore = this.#vacated;
    this.#vacated = new Set();
  }

  /** The store may have clients of this pod in a group. */
  checkOrphans(group: string): void {
    if (this.#groups.has(group) && this.#pending.has(group)) return;
    this.#check(group);
  }

  /** Retries at once what failed. */
  retryNow(): void {
    this.#queue.retryNow();
  }

  /** Resolves when each group with work left has had a turn. */
  async attempted(): Promise<void> {
    await this.#queue.drained();
  }

  /** Keeps some of the groups from expiring; all of them after `steps` calls. A failed one is retried in the next round. */
  async prolong(steps: number): Promise<void> {
    const groups = this.#rotation.next(steps);
    for (let start = 0; start < groups.length; start += PROLONG_BATCH) {
      const batch = groups.slice(start, start + PROLONG_BATCH);
      await Promise.allSettled(batch.map(async ([group]) => this.#prolong(group)));
    }
  }

  /** As {@link LeasedEntryStore.sweep}. */
  async sweep(group: string, dead: string): Promise<boolean> {
    return this.#store.sweep(group, dead);
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  #take(group: string, client: string, holder: string): Entry | undefined {
    const entry = this.get(group, client);
    if (entry?.holder === holder) {
      this.#forget(group, client);
      return entry;
    }
    if (entry?.previous?.holder !== holder) return undefined;
    const { previous: former } = entry;
    entry.previous = undefined;
    return former;
  }

  #forget(group: string, client: string): void {
    const clients = this.#groups.get(group);
    clients?.delete(client);
    if (clients?.size === 0) this.#groups.delete(group);
    const pending = this.#pending.get(group);
    if (pending !== undefined) pending.own = NaN;
  }

  /** Lets the {@link pruneIndex} after next remove a group from the index if it is not in use. */
  #release(group: string): void {
    if (this.#isInUse(group)) return;
    this.#vacatedBefore.delete(group);
    this.#vacated.add(group);
  }

  #isInUse(group: string): boolean {
    return this.#groups.has(group) || this.#pending.has(group);
  }

  #pendingOf(group: string): Pending {
    const known = this.#pending.get(group);
    if (known !== undefined) return known;
    const pending = { clients: new Set<string>(), mayHaveOrphans: false, own: NaN };
    this.#pending.set(group, pending);
    // Until it is done, even if no entry is left: a pod that sweeps this one has to find the group.
    this.#index.add(this.kind, group);
    return pending;
  }

  #check(group: string): void {
    const pending = this.#pendingOf(group);
    pending.mayHaveOrphans = true;
    pending.own = 0;
    this.#queue.add(group);
  }

  #settled(group: string, client: string): void {
    const pending = this.#pending.get(group);
    if (pending === undefined || !pending.clients.delete(client)) return;
    pending.own = NaN;
    this.#isDone(group);
  }

  #isDone(group: string): boolean {
    const pending = this.#pending.get(group);
    if (pending === undefined) return true;
    if (pending.clients.size > 0 || pending.mayHaveOrphans) return false;
    this.#pending.delete(group);
    this.#release(group);
    return true;
  }

  /** One step for a group. @returns whether there is more to do. */
  async #settle(group: string, failures: number): Promise<boolean> {
    const pending = this.#pending.get(group);
    if (pending === undefined) return false;
    if (pending.clients.size > 0) await this.#reconcileSome(group, pending, failures);
    else await this.#findOrphans(group, pending);
    return !this.#isDone(group);
  }

  async #reconcileSome(group: string, { clients }: Pending, failures: number): Promise<void> {
    const losses = this.#losses;
    // Fewer after each failure, so that one bad client does not block the others.
    const batch = firstOf(clients, Math.max(1, BATCH >> failures));
    const restored: (readonly [string, Entry])[] = [];
    const removals: string[] = [];
    for (const client of batch) {
      // To the end, in case it fails.
      clients.delete(client);
      clients.add(client);
      const entry = this.get(group, client);
      if (entry === undefined) removals.push(client);
      else restored.push([client, entry]);
    }
    if (restored.length > 0) await this.#restore(group, restored);
    if (removals.length > 0) await this.#store.remove(group, removals);
    // The store may have lost them again.
    if (losses !== this.#losses) return;
    for (const [client, entry] of restored) if (this.get(group, client) === entry) clients.delete(client);
    for (const client of removals) if (this.get(group, client) === undefined) clients.delete(client);
  }

  async #restore(group: string, entries: readonly (readonly [string, Entry])[]): Promise<void> {
    const losses = this.#losses;
    let isStored = true;
    try {
      const { own, total } = await this.#store.restore(group, entries);
      const pending = this.#pending.get(group);
      if (losses !== this.#losses || pending === undefined) return;
      pending.own += own;
      if (pending.clients.size === entries.length && total <= pending.own) pending.mayHaveOrphans = false;
    } catch (error) {
      isStored = !(error instanceof BrokerUnavailableError);
      throw error;
    } finally {
      if (isStored) for (const [, entry] of entries) entry.isStored = true;
    }
  }

  async #findOrphans(group: string, pending: Pending): Promise<void> {
    const losses = this.#losses;
    const stored = await this.#store.stored(group);
    if (losses !== this.#losses) return;
    pending.mayHaveOrphans = false;
    for (const client of stored) if (this.get(group, client) === undefined) pending.clients.add(client);
  }

  async #prolong(group: string): Promise<void> {
    if (await this.#store.prolong(group)) return;
    // It expired, was evicted or was deleted.
    for (const client of this.#groups.get(group)?.keys() ?? []) this.reconcile(group, client);
  }
}
