import type { RegisteredConnection } from '../../broker.js';
import {
  LeasedEntries,
  type LeasedEntry,
  type LeasedEntryStore,
  type PutBack,
} from '../../membership/leased-entries.js';
import { ANSWERS, type RedisInput } from '../input.js';
import { userTag } from '../keyspace.js';
import type { MembershipContext } from './presence-store.js';
import { SCRIPTS } from '../scripts/index.js';

interface HeldConnection extends LeasedEntry {
  readonly connection: RegisteredConnection;
  /** By the server's clock, once it has answered; until then by this pod's idea of it. */
  since: number;
}

/** Which connections each user has, on all pods. */
export class ConnectionRegistry implements LeasedEntryStore<HeldConnection> {
  readonly holdings: LeasedEntries<HeldConnection>;
  readonly #context: MembershipContext;
  readonly #input: RedisInput;

  constructor(context: MembershipContext, input: RedisInput) {
    this.#context = context;
    this.#input = input;
    this.holdings = new LeasedEntries('users', this, context.index);
  }

  async register(connection: RegisteredConnection): Promise<void> {
    const { user, client, holder } = connection;
    const held = { connection, holder, since: this.#context.now() };
    this.holdings.hold(user, client, held);
    try {
      await this.holdings.write(user, client, held, async () => this.#register(user, client, held));
    } catch (error) {
      // The connection stays, and nobody registers it again.
      this.holdings.reconcile(user, client);
      throw error;
    }
  }

  async unregister(user: string, client: string, holder: string): Promise<void> {
    await this.holdings.remove(user, client, holder, async () => this.#unregister(user, client, holder));
  }

  async connections(user: string, isAlive: Promise<(pod: string) => boolean>): Promise<RegisteredConnection[]> {
    const [entries, alive] = await Promise.all([this.#entries(user), isAlive]);
    return entries.filter(({ pod }) => alive(pod)).map(({ connection }) => connection);
  }

  async sweep(user: string, dead: string): Promise<boolean> {
    const { router, names } = this.#context;
    await router.run({
      tag: userTag(user),
      script: SCRIPTS.SWEEP_USER,
      keys: [names.connections(user)],
      args: [dead],
    });
    return false;
  }

  /** Of a pod that goes: its connections are closed. */
  async withdraw(): Promise<void> {
    await Promise.all([...this.holdings.groups].map(async (user) => this.sweep(user, this.#context.pod)));
  }

  async putBack(user: string, entries: readonly (readonly [string, HeldConnection])[]): Promise<PutBack> {
    const { router, names, pod, ttl } = this.#context;
    const connections = entries.flatMap(([client, { holder, connection, since }]) => [
      client,
      holder,
      JSON.stringify(connection),
      since,
    ]);
    const answer = await router.run({
      tag: userTag(user),
      script: SCRIPTS.REREGISTER,
      keys: [names.connections(user)],
      args: [pod, ttl, ...connections],
    });
    const [own, total] = this.#input.answer(ANSWERS.putBack, answer, user);
    return { own, total };
  }

  async remove(user: string, clients: readonly string[]): Promise<void> {
    const { router, names, pod } = this.#context;
    const keys = [names.connections(user)];
    await router.run({ tag: userTag(user), script: SCRIPTS.REMOVE, keys, args: [pod, ...clients] });
  }

  async stored(user: string): Promise<string[]> {
    const entries = await this.#entries(user);
    return entries.filter(({ pod }) => pod === this.#context.pod).map(({ connection }) => connection.client);
  }

  async prolong(user: string): Promise<boolean> {
    const { router, names, ttl } = this.#context;
    return (await router.command(userTag(user), 'pexpire', names.connections(user), ttl)) === 1;
  }

  async #register(user: string, client: string, held: HeldConnection): Promise<void> {
    const { router, names, pod, ttl } = this.#context;
    const answer = await router.run({
      tag: userTag(user),
      script: SCRIPTS.REGISTER,
      keys: [names.connections(user)],
      args: [client, pod, held.holder, JSON.stringify(held.connection), ttl],
    });
    held.since = this.#input.answer(ANSWERS.register, answer, user);
  }

  /** Of pods that are dead as well. */
  async #entries(user: string): Promise<{ pod: string; connection: RegisteredConnection }[]> {
    const { router, names } = this.#context;
    const keys = [names.connections(user)];
    const found = await router.run({ tag: userTag(user), script: SCRIPTS.CONNECTIONS, keys });
    const answer = this.#input.answer(ANSWERS.connections, found, user);
    const entries: { pod: string; connection: RegisteredConnection }[] = [];
    for (let index = 0; index + 1 < answer.length; index += 2) {
      const [pod = '', text = ''] = answer.slice(index, index + 2);
      const connection = this.#input.connection(text, user);
      if (connection !== undefined) entries.push({ pod, connection });
    }
    return entries;
  }

  async #unregister(user: string, client: string, holder: string): Promise<void> {
    const { router, names } = this.#context;
    const keys = [names.connections(user)];
    await router.run({ tag: userTag(user), script: SCRIPTS.UNREGISTER, keys, args: [client, holder] });
  }
}
