import { BrokerUnavailableError } from '../errors.js';
import { firstOf } from './first-of.js';
import { KeyedQueue } from './keyed-queue.js';
import type { PodIndexKind } from '../redis/keyspace.js';
import type { PodIndex } from './pod-index.js';
import { Rotation } from './rotation.js';

/** A client that this pod holds. */
export interface LeasedEntry {
  readonly holder: string;
  /** Whether the store may have it. */
  stored?: boolean;
  /** What the store may have of the client until this is written. */
  former?: this | undefined;
}

/** Where the entries are kept. Calls for one group are made one at a time, except for {@link LeasedEntries.write}. */
export interface LeasedEntryStore<Entry extends LeasedEntry> {
  /** Puts clients back into a group, except those that a later holder has by now. */
  putBack(group: string, entries: readonly (readonly [client: string, entry: Entry])[]): Promise<PutBack>;
  /** Takes clients out that the store says this pod holds. */
  remove(group: string, clients: readonly string[]): Promise<void>;
  /** The clients of a group that the store says this pod holds. */
  stored(group: string): Promise<string[]>;
  /** Keeps a group from expiring. @returns whether the store has it. */
  prolong(group: string): Promise<boolean>;
  /** Takes some of what a dead pod held out of a group. @returns whether there may be more. */
  sweep(group: string, dead: string): Promise<boolean>;
}

export interface PutBack {
  /** How many of the clients this pod has now. */
  readonly own: number;
  /** How many clients of this pod, at most, the group has after it. */
  readonly total: number;
}

/** What has to be done about one group. */
interface Pending {
  /** Clients that the store may not have as they are here: it is decided at the time whether to put or to remove them. */
  readonly clients: Set<string>;
  /** Whether the store may have clients that are not held here. */
  mayHaveStrays: boolean;
  /** How many are known to be there rightly; NaN if that cannot be said. */
  own: number;
}

/** Clients put back or removed by one command at most. */
const BATCH = 50;
/** Groups worked on at a time. */
const CONCURRENCY = 32;
/** Groups prolonged at a time. */
const PROLONG_BATCH = 100;

/**
 * The clients that this pod holds on the server, in groups, each for one holder. They live as long as the pod's lease, and
 * are brought back to a server that has lost them.
 *
 * What is held here is what is wanted there. If a write failed, or the server may have lost it, the client is noted once,
 * and brought in line when its group has its turn, whatever happened to it since then. So what waits is never more than what
 * the server may have of this pod.
 */
export class LeasedEntries<Entry extends LeasedEntry> {
  /** What a group is. */
  readonly kind: PodIndexKind;
  readonly #store: LeasedEntryStore<Entry>;
  readonly #index: PodIndex;
  readonly #groups = new Map<string, Map<string, Entry>>();
  readonly #rotation = new Rotation(this.#groups);
  readonly #pending = new Map<string, Pending>();
  /** Groups in the index that are not in use since the last {@link tidy}, and since the one before. */
  #vacated = new Set<string>();
  #vacatedBefore = new Set<string>();
  readonly #queue = new KeyedQueue(async (group, failures) => this.#settle(group, failures), CONCURRENCY);
  #losses = 0;

  constructor(kind: PodIndexKind, store: LeasedEntryStore<Entry>, index: PodIndex) {
    this.kind = kind;
    this.#store = store;
    this.#index = index;
  }

  get groups(): Iterable<string> {
    return this.#groups.keys();
  }

  /** How many clients wait to be put or removed. */
  get backlog(): number {
    let count = 0;
    for (const { clients } of this.#pending.values()) count += clients.size;
    return count;
  }

  held(group: string, client: string): Entry | undefined {
    return this.#groups.get(group)?.get(client);
  }

  /** Holds a client here only; and its group in the pod's index, so that whoever sweeps up after this pod finds it. */
  hold(group: string, client: string, entry: Entry): void {
    const clients = this.#groups.get(group) ?? new Map<string, Entry>();
    const former = clients.get(client);
    if (former !== undefined) entry.former = former.stored === true ? former : former.former;
    clients.set(client, entry);
    this.#groups.set(group, clients);
    this.#index.add(this.kind, group);
  }

  /** Holds what was held before an entry that could not be written. */
  restoreFormer(group: string, client: string, entry: Entry): void {
    if (this.held(group, client) !== entry || entry.stored === true) return;
    if (entry.former === undefined) {
      this.#forget(group, client);
      this.#release(group);
    } else this.#groups.get(group)?.set(client, entry.former);
  }

  /**
   * Holds a client no more if it still has this holder, and has that written. If it fails, it is done later.
   *
   * @throws whatever `write` throws.
   */
  async remove<T>(group: string, client: string, holder: string, write: () => Promise<T>): Promise<T> {
    const entry = this.#take(group, client, holder);
    try {
      return await write();
    } catch (error) {
      // Otherwise there is nothing to remove: so what waits is never more than what was once written.
      if (entry?.stored === true || entry?.former?.stored === true) this.reconcile(group, client);
      throw error;
    } finally {
      this.#release(group);
    }
  }

  /**
   * Has a held entry written, and notes what came of it.
   *
   * @throws whatever `write` throws: the entry is still held then.
   */
  async write<T>(group: string, client: string, entry: Entry, write: () => Promise<T>): Promise<T> {
    const losses = this.#losses;
    try {
      const result = await write();
      entry.stored = true;
      entry.former = undefined;
      if (losses === this.#losses && this.held(group, client) === entry) this.#settled(group, client);
      return result;
    } catch (error) {
      if (!(error instanceof BrokerUnavailableError)) entry.stored = true;
      throw error;
    } finally {
      // It may have been removed, or replaced, while it was being written.
      if (entry.stored === true && this.held(group, client) !== entry) this.reconcile(group, client);
    }
  }

  /** The store may not have a client as it is here. */
  reconcile(group: string, client: string): void {
    this.#pendingOf(group).clients.add(client);
    this.#queue.add(group);
  }

  /** The store may have lost all that was written until now, or that it was removed. */
  lost(): void {
    this.#losses += 1;
    for (const [group, held] of this.#groups) {
      const { clients } = this.#pendingOf(group);
      for (const client of held.keys()) clients.add(client);
      this.#check(group);
    }
    for (const group of [...this.#vacated, ...this.#vacatedBefore]) this.#check(group);
  }

  /**
   * Takes groups out of the index in which nothing has been left since the last call. Not at once: the server may lose the
   * removal of the last client, and the group has to be found then.
   */
  tidy(): void {
    for (const group of this.#vacatedBefore) if (!this.#isInUse(group)) this.#index.remove(this.kind, group);
    this.#vacatedBefore = this.#vacated;
    this.#vacated = new Set();
  }

  /** The store may have clients of this pod in a group. */
  checkStrays(group: string): void {
    if (this.#groups.has(group) && this.#pending.has(group)) return;
    this.#check(group);
  }

  /** Tries at once again what failed. */
  hurry(): void {
    this.#queue.hurry();
  }

  /** Resolves when each group that had something to be done has had a turn. */
  async tried(): Promise<void> {
    await this.#queue.drained();
  }

  /** Keeps some of the groups from expiring; all of them after `steps` calls. What fails has its next turn in the next round. */
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
    const entry = this.held(group, client);
    if (entry?.holder === holder) {
      this.#forget(group, client);
      return entry;
    }
    if (entry?.former?.holder !== holder) return undefined;
    const { former } = entry;
    entry.former = undefined;
    return former;
  }

  #forget(group: string, client: string): void {
    const clients = this.#groups.get(group);
    clients?.delete(client);
    if (clients?.size === 0) this.#groups.delete(group);
    const pending = this.#pending.get(group);
    if (pending !== undefined) pending.own = NaN;
  }

  /** Has a group taken out of the index, {@link tidy} after next, if it is not in use. */
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
    const pending = { clients: new Set<string>(), mayHaveStrays: false, own: NaN };
    this.#pending.set(group, pending);
    // Until it is done, also if nothing is held: whoever sweeps up after this pod has to find it.
    this.#index.add(this.kind, group);
    return pending;
  }

  #check(group: string): void {
    const pending = this.#pendingOf(group);
    pending.mayHaveStrays = true;
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
    if (pending.clients.size > 0 || pending.mayHaveStrays) return false;
    this.#pending.delete(group);
    this.#release(group);
    return true;
  }

  /** One step for a group. @returns whether there is more to do. */
  async #settle(group: string, failures: number): Promise<boolean> {
    const pending = this.#pending.get(group);
    if (pending === undefined) return false;
    if (pending.clients.size > 0) await this.#bringInLine(group, pending, failures);
    else await this.#findStrays(group, pending);
    return !this.#isDone(group);
  }

  async #bringInLine(group: string, { clients }: Pending, failures: number): Promise<void> {
    const losses = this.#losses;
    // Fewer after each failure, until what can be done is done.
    const batch = firstOf(clients, Math.max(1, BATCH >> failures));
    const puts: (readonly [string, Entry])[] = [];
    const removals: string[] = [];
    for (const client of batch) {
      // Behind the others, if it fails.
      clients.delete(client);
      clients.add(client);
      const entry = this.held(group, client);
      if (entry === undefined) removals.push(client);
      else puts.push([client, entry]);
    }
    if (puts.length > 0) await this.#putBack(group, puts);
    if (removals.length > 0) await this.#store.remove(group, removals);
    // The store may have lost it again.
    if (losses !== this.#losses) return;
    for (const [client, entry] of puts) if (this.held(group, client) === entry) clients.delete(client);
    for (const client of removals) if (this.held(group, client) === undefined) clients.delete(client);
  }

  async #putBack(group: string, entries: readonly (readonly [string, Entry])[]): Promise<void> {
    const losses = this.#losses;
    let stored = true;
    try {
      const { own, total } = await this.#store.putBack(group, entries);
      const pending = this.#pending.get(group);
      if (losses !== this.#losses || pending === undefined) return;
      pending.own += own;
      if (pending.clients.size === entries.length && total <= pending.own) pending.mayHaveStrays = false;
    } catch (error) {
      stored = !(error instanceof BrokerUnavailableError);
      throw error;
    } finally {
      if (stored) for (const [, entry] of entries) entry.stored = true;
    }
  }

  async #findStrays(group: string, pending: Pending): Promise<void> {
    const losses = this.#losses;
    const stored = await this.#store.stored(group);
    if (losses !== this.#losses) return;
    pending.mayHaveStrays = false;
    for (const client of stored) if (this.held(group, client) === undefined) pending.clients.add(client);
  }

  async #prolong(group: string): Promise<void> {
    if (await this.#store.prolong(group)) return;
    // Expired, evicted or deleted by someone.
    for (const client of this.#groups.get(group)?.keys() ?? []) this.reconcile(group, client);
  }
}
