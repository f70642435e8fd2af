import type { Connection } from '../broker.js';
import { Holdings, type HoldingsContext } from './holdings.js';
import { ANSWERS, type RedisInput } from './input.js';
import { userTag } from './names.js';
import { SCRIPTS } from './scripts/index.js';

interface Held {
  readonly connection: Connection;
  readonly holder: string;
  /** By the server's clock, once it has answered; until then by this pod's idea of it. */
  since: number;
}

/** Which connections each user has, on all pods. */
export class ConnectionRegistry extends Holdings<Held> {
  readonly #input: RedisInput;

  constructor(context: HoldingsContext, input: RedisInput) {
    super('users', context);
    this.#input = input;
  }

  async register(connection: Connection): Promise<void> {
    const { user, client, holder } = connection;
    const held = { connection, holder, since: this.context.now() };
    // Noted in the index first, in the same piece: the answer does not wait for it.
    void this.hold(user, client, held);
    try {
      await this.put(user, client, held, false);
    } catch (error) {
      // The connection stays, and nobody registers it again.
      this.later(async () => this.bringBack(user, client, held));
      throw error;
    }
  }

  async unregister(user: string, client: string, holder: string): Promise<void> {
    if (this.held(user, client)?.holder === holder) void this.forget(user, client);
    try {
      await this.#unregister(user, client, holder);
    } catch (error) {
      this.later(async () => this.#unregister(user, client, holder));
      throw error;
    }
  }

  async connections(user: string, isAlive: Promise<(pod: string) => boolean>): Promise<Connection[]> {
    const [entries, alive] = await Promise.all([this.#entries(user), isAlive]);
    return entries.filter(({ pod }) => alive(pod)).map(({ connection }) => connection);
  }

  async sweep(user: string, dead: string): Promise<void> {
    const { router, names } = this.context;
    await router.run({
      tag: userTag(user),
      script: SCRIPTS.SWEEP_USER,
      keys: [names.connections(user)],
      args: [dead],
    });
  }

  /** Of a pod that goes: its connections are closed. */
  async withdraw(): Promise<void> {
    await Promise.all(this.groups.map(async (user) => this.sweep(user, this.context.pod)));
  }

  protected async put(user: string, client: string, held: Held, again: boolean): Promise<void> {
    const { router, names, pod, ttl } = this.context;
    const { connection, holder, since } = held;
    const answer = await router.run({
      tag: userTag(user),
      script: SCRIPTS.REGISTER,
      keys: [names.connections(user)],
      args: [client, pod, holder, JSON.stringify(connection), since, ttl, again ? 1 : 0],
    });
    held.since = this.#input.answer(ANSWERS.register, answer, user);
  }

  protected async stored(user: string): Promise<string[]> {
    const entries = await this.#entries(user);
    return entries.filter(({ pod }) => pod === this.context.pod).map(({ connection }) => connection.client);
  }

  protected async remove(user: string, client: string): Promise<void> {
    const { router, names, pod } = this.context;
    const keys = [names.connections(user)];
    await router.run({ tag: userTag(user), script: SCRIPTS.REMOVE, keys, args: [client, pod] });
  }

  protected tag(user: string): string {
    return userTag(user);
  }

  protected keys(user: string): string[] {
    return [this.context.names.connections(user)];
  }

  /** Of pods that are dead as well. */
  async #entries(user: string): Promise<{ pod: string; connection: Connection }[]> {
    const { router, names } = this.context;
    const keys = [names.connections(user)];
    const found = await router.run({ tag: userTag(user), script: SCRIPTS.CONNECTIONS, keys });
    const answer = this.#input.answer(ANSWERS.connections, found, user);
    const entries: { pod: string; connection: Connection }[] = [];
    for (let index = 0; index + 1 < answer.length; index += 2) {
      const [pod = '', text = ''] = answer.slice(index, index + 2);
      const connection = this.#input.connection(text, user);
      if (connection !== undefined) entries.push({ pod, connection });
    }
    return entries;
  }

  async #unregister(user: string, client: string, holder: string): Promise<void> {
    const { router, names } = this.context;
    const keys = [names.connections(user)];
    await router.run({ tag: userTag(user), script: SCRIPTS.UNREGISTER, keys, args: [client, holder] });
  }
}
