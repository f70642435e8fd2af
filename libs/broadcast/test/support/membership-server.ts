import { BrokerUnavailableError, BrokerUnknownError } from '../../src/errors.js';
import {
  LeasedEntries,
  type LeasedEntry,
  type LeasedEntryStore,
  type Restored,
} from '../../src/membership/leased-entries.js';
import { PodIndex, type IndexStore, type PodIndexKind } from '../../src/membership/pod-index.js';
import { LEASE, PodLease, type Heartbeat, type LeaseStore } from '../../src/membership/pod-lease.js';
import { Upkeep, type SweepStore } from '../../src/membership/upkeep.js';

const CLAIM = 10_000;
const PAGE = 50;
const SWEEP = 20;

interface Pod {
  ends: number;
  birth: string;
}

/** A server in memory with configurable latency, by the fake clock, and failures. */
export class MembershipServer {
  /** ms that each call takes, except heartbeats. */
  latency = 0;
  heartbeatLatency = 0;
  isAway = false;
  /** Groups for which every call fails. */
  readonly dead = new Set<string>();
  readonly pods = new Map<string, Pod>();
  readonly claims = new Map<string, { by: string; until: number }>();
  /** From group to client to its pod. */
  readonly groups = new Map<string, Map<string, string>>();
  readonly index = new Map<string, Set<string>>();
  /** Clients that were restored, removed and swept, in order. */
  readonly puts: string[] = [];
  readonly removals: string[] = [];
  readonly swept: string[] = [];
  readonly prolonged = new Set<string>();
  /** Pods whose leases had run out when they sent a heartbeat. */
  readonly lapses: string[] = [];
  mostAtATime = 0;
  #atATime = 0;

  /** Forgets everything. */
  empty(): void {
    for (const map of [this.pods, this.claims, this.groups, this.index]) map.clear();
  }

  /** @throws BrokerUnavailableError before anything is done. */
  async call<T>(latency: number, group: string | undefined, work: () => T): Promise<T> {
    this.#atATime += 1;
    this.mostAtATime = Math.max(this.mostAtATime, this.#atATime);
    try {
      if (latency > 0) await new Promise((resolve) => setTimeout(resolve, latency));
      if (this.isAway || (group !== undefined && this.dead.has(group))) throw new BrokerUnavailableError('away');
      return work();
    } finally {
      this.#atATime -= 1;
    }
  }

  names(pod: string, kind: PodIndexKind): Set<string> {
    const key = `${pod} ${kind}`;
    const names = this.index.get(key) ?? new Set<string>();
    this.index.set(key, names);
    return names;
  }

  clients(group: string): Map<string, string> {
    const clients = this.groups.get(group) ?? new Map<string, string>();
    this.groups.set(group, clients);
    return clients;
  }

  /** How many clients a pod has on the server. */
  count(pod: string): number {
    let count = 0;
    for (const clients of this.groups.values()) for (const of of clients.values()) if (of === pod) count += 1;
    return count;
  }

  isClaimed(pod: string): boolean {
    return (this.claims.get(pod)?.until ?? 0) > Date.now();
  }
}

/** The membership of one pod on this server: the same parts as in RedisBroker, without Redis. */
export class MembershipPod implements LeaseStore, IndexStore, SweepStore, LeasedEntryStore<LeasedEntry> {
  readonly index = new PodIndex(this);
  readonly rooms = new LeasedEntries<LeasedEntry>('presence', this, this.index);
  readonly lease: PodLease;
  readonly upkeep: Upkeep;
  restored = 0;
  /** How many answers of heartbeats get lost. */
  lostAnswers = 0;

  constructor(
    readonly server: MembershipServer,
    readonly name: string,
  ) {
    this.upkeep = new Upkeep({
      pod: name,
      store: this,
      index: this.index,
      entries: [this.rooms],
      onRestored: () => {
        this.restored += 1;
      },
    });
    this.lease = new PodLease(this, {
      onForgotten: () => {},
      onLost: (isFirst) => this.upkeep.restoreAll(isFirst),
      onDead: (pods) => this.upkeep.sweep(pods),
    });
  }

  start(): void {
    this.lease.start();
    this.upkeep.start();
  }

  async close(): Promise<void> {
    await Promise.all([this.lease.close(), this.upkeep.close()]);
  }

  async join(room: string, client: string, holder = 'h'): Promise<void> {
    const entry = { holder };
    this.rooms.add(room, client, entry);
    try {
      await this.rooms.write(room, client, entry, async () =>
        this.server.call(this.server.latency, room, () => this.server.clients(room).set(client, this.name)),
      );
    } catch (error) {
      if (error instanceof BrokerUnavailableError) this.rooms.rollBack(room, client, entry);
      throw error;
    }
  }

  async leave(room: string, client: string, holder = 'h'): Promise<void> {
    await this.rooms.remove(room, client, holder, async () =>
      this.server.call(this.server.latency, room, () => this.server.clients(room).delete(client)),
    );
  }

  async beat(nonce: string): Promise<Heartbeat> {
    const { server, name } = this;
    const heartbeat = await server.call(server.heartbeatLatency, undefined, () => {
      const now = Date.now();
      const former = server.pods.get(name);
      if (former !== undefined && former.ends <= now) server.lapses.push(name);
      const birth = former === undefined || former.birth === '' ? nonce : former.birth;
      server.pods.set(name, { ends: now + LEASE, birth });
      const dead: string[] = [];
      for (const [pod, lease] of server.pods) {
        if (former === undefined || former.ends <= now || lease.ends > now || server.isClaimed(pod)) continue;
        server.claims.set(pod, { by: name, until: now + CLAIM });
        lease.birth = '';
        dead.push(pod);
      }
      return { birth, isContested: server.isClaimed(name), dead };
    });
    if (this.lostAnswers === 0) return heartbeat;
    this.lostAnswers -= 1;
    throw new BrokerUnknownError('no answer');
  }

  async claim(dead: string): Promise<boolean> {
    const { server, name } = this;
    return server.call(server.latency, undefined, () => {
      if (server.isClaimed(dead) && server.claims.get(dead)?.by !== name) return false;
      const isDead = (server.pods.get(dead)?.ends ?? Infinity) <= Date.now();
      if (isDead) server.claims.set(dead, { by: name, until: Date.now() + CLAIM });
      else server.claims.delete(dead);
      return isDead;
    });
  }

  async removeSwept(dead: string, kind: PodIndexKind, groups: readonly string[]): Promise<void> {
    await this.server.call(this.server.latency, undefined, () => {
      for (const group of groups) this.server.names(dead, kind).delete(group);
    });
  }

  async forget(dead: string): Promise<void> {
    await this.server.call(this.server.latency, undefined, () => {
      this.server.claims.delete(dead);
      if ((this.server.pods.get(dead)?.ends ?? 0) <= Date.now()) this.server.pods.delete(dead);
    });
  }

  async write(kind: PodIndexKind, added: readonly string[], removed: readonly string[]): Promise<void> {
    await this.server.call(this.server.latency, undefined, () => {
      const names = this.server.names(this.name, kind);
      for (const name of added) names.add(name);
      for (const name of removed) names.delete(name);
    });
  }

  async page(pod: string, kind: PodIndexKind, after: string): Promise<string[]> {
    return this.server.call(this.server.latency, undefined, () => {
      const names = [...this.server.names(pod, kind)].toSorted();
      return names.filter((name) => name > after).slice(0, PAGE);
    });
  }

  async clear(kind: PodIndexKind): Promise<void> {
    this.server.names(this.name, kind).clear();
  }

  async restore(group: string, entries: readonly (readonly [string, LeasedEntry])[]): Promise<Restored> {
    return this.server.call(this.server.latency, group, () => {
      for (const [client] of entries) {
        this.server.puts.push(client);
        this.server.clients(group).set(client, this.name);
      }
      return { own: entries.length, total: this.#own(group).length };
    });
  }

  async remove(group: string, clients: readonly string[]): Promise<void> {
    await this.server.call(this.server.latency, group, () => {
      for (const client of clients) {
        this.server.removals.push(client);
        this.server.clients(group).delete(client);
      }
    });
  }

  async stored(group: string): Promise<string[]> {
    return this.server.call(this.server.latency, group, () => this.#own(group));
  }

  async keep(kind: PodIndexKind): Promise<void> {
    await this.prolong(kind);
  }

  async prolong(group: string): Promise<boolean> {
    return this.server.call(this.server.latency, group, () => {
      this.server.prolonged.add(group);
      return true;
    });
  }

  async sweep(group: string, dead: string): Promise<boolean> {
    return this.server.call(this.server.latency, group, () => {
      const clients = this.server.clients(group);
      const all = [...clients].filter(([, of]) => of === dead).map(([client]) => client);
      for (const client of all.slice(0, SWEEP)) {
        clients.delete(client);
        this.server.swept.push(client);
      }
      return all.length > SWEEP;
    });
  }

  #own(group: string): string[] {
    return [...this.server.clients(group)].filter(([, of]) => of === this.name).map(([client]) => client);
  }
}
