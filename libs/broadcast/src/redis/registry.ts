import type { Connection } from '../broker.js';
import { userTag, type Names } from './names.js';
import type { PodIndex } from './pod-index.js';
import { Rotation } from './rotation.js';
import type { Router } from './router.js';
import { SCRIPTS } from './scripts/index.js';

const CHUNK = 500;

interface Held {
  readonly connection: Connection;
  readonly since: number;
}

/** Which connections each user has, on all pods. Entries live as long as the lease of their pod. */
export class ConnectionRegistry {
  readonly #router: Router;
  readonly #names: Names;
  readonly #index: PodIndex;
  readonly #pod: string;
  readonly #ttl: number;
  readonly #now: () => number;
  /** What this pod holds, by user and client. */
  readonly #users = new Map<string, Map<string, Held>>();
  readonly #rotation = new Rotation(this.#users);
  /** Who has gone while the server was away: user, client and holder. */
  #missed: (readonly [string, string, string])[] = [];

  /** @param ttl ms for which what nobody sweeps up is kept; {@link prolong} must have been round by then. */
  constructor(router: Router, names: Names, index: PodIndex, pod: string, ttl: number, now: () => number) {
    this.#router = router;
    this.#names = names;
    this.#index = index;
    this.#pod = pod;
    this.#ttl = ttl;
    this.#now = now;
  }

  async register(connection: Connection): Promise<void> {
    const { user, client } = connection;
    const clients = this.#users.get(user) ?? new Map<string, Held>();
    const held = { connection, since: this.#now() };
    clients.set(client, held);
    this.#users.set(user, clients);
    await this.#index.add('users', user);
    await this.#register(held, false);
  }

  async unregister(user: string, client: string, holder: string): Promise<void> {
    const clients = this.#users.get(user);
    if (clients?.get(client)?.connection.holder === holder) {
      clients.delete(client);
      if (clients.size === 0) {
        this.#users.delete(user);
        await this.#index.remove('users', user);
      }
    }
    try {
      await this.#unregister(user, client, holder);
    } catch (error) {
      this.#missed.push([user, client, holder]);
      throw error;
    }
  }

  async connections(user: string, isAlive: Promise<(pod: string) => boolean>): Promise<Connection[]> {
    const [answer, alive] = await Promise.all([
      this.#router.run({ tag: userTag(user), script: SCRIPTS.CONNECTIONS, keys: [this.#names.connections(user)] }),
      isAlive,
    ]);
    const entries = answer as string[];
    const connections: Connection[] = [];
    for (let index = 0; index + 1 < entries.length; index += 2) {
      if (alive(entries[index] ?? '')) connections.push(JSON.parse(entries[index + 1] ?? '') as Connection);
    }
    return connections;
  }

  /** The server may have lost entries. */
  async restore(): Promise<void> {
    const all = Array.from(this.#users.values(), (clients) => Array.from(clients.values())).flat();
    for (let start = 0; start < all.length; start += CHUNK) {
      const chunk = all.slice(start, start + CHUNK);
      await Promise.all(
        chunk.map(async (held) => {
          const { user, client } = held.connection;
          if (this.#users.get(user)?.get(client) === held) await this.#register(held, true);
        }),
      );
    }
  }

  /** Tells the server who has gone meanwhile. */
  async catchUp(): Promise<void> {
    const missed = this.#missed;
    this.#missed = [];
    for (const [index, entry] of missed.entries()) {
      try {
        await this.#unregister(...entry);
      } catch (error) {
        this.#missed.push(...missed.slice(index));
        throw error;
      }
    }
  }

  /** Keeps some of the entries from expiring; all of them after `steps` calls. */
  async prolong(steps: number): Promise<void> {
    await Promise.all(
      this.#rotation
        .next(steps)
        .map(async ([user]) =>
          this.#router.command(userTag(user), 'pexpire', this.#names.connections(user), this.#ttl),
        ),
    );
  }

  /** Forgets what a dead pod held of a user. */
  async sweep(user: string, dead: string): Promise<void> {
    const keys = [this.#names.connections(user)];
    await this.#router.run({ tag: userTag(user), script: SCRIPTS.SWEEP_USER, keys, args: [dead] });
  }

  /** Of a pod that goes: its connections are closed. */
  async withdraw(): Promise<void> {
    await Promise.all([...this.#users.keys()].map(async (user) => this.sweep(user, this.#pod)));
  }

  async #register({ connection, since }: Held, again: boolean): Promise<void> {
    const { user, client, holder } = connection;
    await this.#router.run({
      tag: userTag(user),
      script: SCRIPTS.REGISTER,
      keys: [this.#names.connections(user)],
      args: [client, this.#pod, holder, JSON.stringify(connection), since, this.#ttl, again ? 1 : 0],
    });
  }

  async #unregister(user: string, client: string, holder: string): Promise<void> {
    const keys = [this.#names.connections(user)];
    await this.#router.run({ tag: userTag(user), script: SCRIPTS.UNREGISTER, keys, args: [client, holder] });
  }
}
