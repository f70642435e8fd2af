import type { RegisteredConnection } from '../broker.js';
import { LeasedEntries, type LeasedEntry, type LeasedEntryStore } from './leased-entries.js';
import type { GroupIndex } from './pod-index.js';

export interface ConnectionEntry extends LeasedEntry {
  readonly connection: RegisteredConnection;
  /** Since when the holder has the client: by the server's clock once it has answered, until then by this pod's estimate. */
  since: number;
}

/** Stores connections. A group is a user. */
export interface ConnectionStore extends LeasedEntryStore<ConnectionEntry> {
  /** Sets `since` of the entry. */
  register(user: string, entry: ConnectionEntry): Promise<void>;
  unregister(user: string, client: string, holder: string): Promise<void>;
  /** All connections of a user with their pods, which may be dead. */
  connections(user: string): Promise<{ readonly pod: string; readonly connection: RegisteredConnection }[]>;
}

/** The connections of users. Those of this pod live as long as its lease. */
export class LeasedConnections {
  readonly entries: LeasedEntries<ConnectionEntry>;
  readonly #store: ConnectionStore;
  readonly #now: () => number;

  constructor(store: ConnectionStore, index: GroupIndex, now: () => number) {
    this.#store = store;
    this.#now = now;
    this.entries = new LeasedEntries('users', store, index);
  }

  async register(connection: RegisteredConnection): Promise<void> {
    const { user, client, holder } = connection;
    const entry: ConnectionEntry = { connection, holder, since: this.#now() };
    this.entries.add(user, client, entry);
    try {
      await this.entries.write(user, client, entry, async () => this.#store.register(user, entry));
    } catch (error) {
      // The connection stays open, and nobody registers it again.
      this.entries.reconcile(user, client);
      throw error;
    }
  }

  async unregister(user: string, client: string, holder: string): Promise<void> {
    await this.entries.remove(user, client, holder, async () => this.#store.unregister(user, client, holder));
  }

  async connections(user: string, alivePods: Promise<ReadonlySet<string>>): Promise<RegisteredConnection[]> {
    const [connections, alive] = await Promise.all([this.#store.connections(user), alivePods]);
    return connections.filter(({ pod }) => alive.has(pod)).map(({ connection }) => connection);
  }

  /** For a pod that stops: its connections are closed. */
  async withdraw(pod: string): Promise<void> {
    await Promise.all([...this.entries.groups].map(async (user) => this.#store.sweep(user, pod)));
  }
}
