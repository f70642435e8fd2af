import type { RegisteredConnection } from '../../broker.js';
import type { ConnectionEntry, ConnectionStore } from '../../membership/leased-connections.js';
import type { Restored } from '../../membership/leased-entries.js';
import type { ConnectionOutcome, Outcome } from '../fold/outcome.js';
import type { Partition } from '../partition/partition.js';
import { nothing, written } from './record.js';

/** The connections of the users of one partition. */
export class LogConnectionStore implements ConnectionStore {
  readonly #partition: Partition;
  readonly #pod: () => string;

  constructor(partition: Partition, pod: () => string) {
    this.#partition = partition;
    this.#pod = pod;
  }

  async register(_user: string, entry: ConnectionEntry): Promise<void> {
    const record = { kind: 'register', connection: entry.connection, since: undefined } as const;
    const { since } = await written(this.#partition, record, connectionOutcome);
    entry.since = since;
  }

  async unregister(user: string, client: string, holder: string): Promise<void> {
    await written(this.#partition, { kind: 'unregister', user, client, holder }, nothing);
  }

  async connections(user: string): Promise<{ readonly pod: string; readonly connection: RegisteredConnection }[]> {
    const fold = await this.#partition.current();
    return [...(fold.connections.get(user)?.values() ?? [])].map(({ value, pod }) => ({
      pod: pod.id,
      connection: value,
    }));
  }

  async restore(user: string, entries: readonly (readonly [string, ConnectionEntry])[]): Promise<Restored> {
    const outcomes = await Promise.all(
      entries.map(async ([, { connection, since }]) =>
        written(this.#partition, { kind: 'register', connection, since }, connectionOutcome),
      ),
    );
    return { own: outcomes.filter(({ isOwn }) => isOwn).length, total: (await this.stored(user)).length };
  }

  async remove(user: string, clients: readonly string[]): Promise<void> {
    await Promise.all(
      clients.map(async (client) => written(this.#partition, { kind: 'expel', user, client }, nothing)),
    );
  }

  async stored(user: string): Promise<string[]> {
    const pod = this.#pod();
    const held = this.#partition.fold?.connections.get(user) ?? new Map();
    return [...held].filter(([, { pod: owner }]) => owner.id === pod).map(([client]) => client);
  }

  /** Connections do not expire. */
  async prolong(): Promise<boolean> {
    return true;
  }

  /** The fold removes the connections of a dead pod. */
  async sweep(): Promise<boolean> {
    return false;
  }
}

function connectionOutcome(outcome: Outcome): ConnectionOutcome {
  if (outcome.kind !== 'connection')
    throw new TypeError(`unexpected outcome of a connection's record: ${outcome.kind}`);
  return outcome;
}
