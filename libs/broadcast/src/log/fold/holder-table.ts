import type { Generations, Versioned } from './generations.js';
import type { PodState } from './pod-table.js';

/** What a client has in a group, until its pod or its holder ends it. */
export interface Held<Value> {
  readonly value: Value;
  readonly holder: string;
  readonly pod: PodState;
  /** Since when the holder has the client, by log time. */
  readonly since: number;
}

export class Group<Value> implements Versioned {
  /** In the order of joining, even if the holder changes. */
  readonly held = new Map<string, Held<Value>>();

  constructor(
    readonly name: string,
    public generation: number,
  ) {}
}

/** A change of a group. `former` or `present` is undefined if the client was not or is not in the group. */
export interface Change<Value> {
  readonly former: Held<Value> | undefined;
  readonly present: Held<Value> | undefined;
  /** The number of clients in the group after it. */
  readonly count: number;
}

/** A client that a pod has left behind. */
export interface Removal<Value> {
  readonly group: string;
  readonly client: string;
  readonly value: Value;
  /** The number of clients in the group after it. */
  readonly count: number;
}

/** Clients in groups: the members of channels, or the connections of users. */
export class HolderTable<Value> {
  readonly #groups = new Map<string, Group<Value>>();
  readonly #generations: Generations;

  constructor(generations: Generations) {
    this.#generations = generations;
  }

  get map(): ReadonlyMap<string, Group<Value>> {
    return this.#groups;
  }

  get(group: string): ReadonlyMap<string, Held<Value>> | undefined {
    return this.#groups.get(group)?.held;
  }

  clear(): void {
    this.#groups.clear();
  }

  set(group: string, client: string, held: Held<Value>): Change<Value> {
    const found = this.#groups.get(group) ?? new Group<Value>(group, this.#generations.current);
    this.#generations.touch(found);
    this.#groups.set(group, found);
    const former = found.held.get(client);
    found.held.set(client, held);
    return { former, present: held, count: found.held.size };
  }

  /** As {@link set}, unless a later holder has the client. */
  restore(group: string, client: string, held: Held<Value>): Change<Value> {
    const clients = this.#groups.get(group)?.held;
    const former = clients?.get(client);
    if (clients === undefined || former === undefined || former.holder === held.holder || former.since < held.since) {
      return this.set(group, client, held);
    }
    return { former, present: former, count: clients.size };
  }

  remove(group: string, client: string, belongs: (held: Held<Value>) => boolean): Change<Value> {
    const found = this.#groups.get(group);
    const former = found?.held.get(client);
    if (found === undefined || former === undefined || !belongs(former)) {
      return { former, present: former, count: found?.held.size ?? 0 };
    }
    this.#generations.touch(found);
    found.held.delete(client);
    if (found.held.size === 0) this.#groups.delete(group);
    return { former, present: undefined, count: found.held.size };
  }

  removeAll(pod: PodState): Removal<Value>[] {
    const removals: Removal<Value>[] = [];
    for (const { name, held } of this.#groups.values()) {
      for (const [client, { value, pod: owner }] of held) {
        if (owner !== pod) continue;
        const { count } = this.remove(name, client, () => true);
        removals.push({ group: name, client, value, count });
      }
    }
    return removals;
  }

  /** Everything that one pod holds belongs to another one. */
  move(from: PodState, to: PodState): void {
    for (const { name, held } of this.#groups.values()) {
      for (const [client, entry] of held) if (entry.pod === from) this.set(name, client, { ...entry, pod: to });
    }
  }
}
