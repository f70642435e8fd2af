import type { RegisteredConnection } from '../../broker.js';
import type { ConnectionEntry, ConnectionStore } from '../../membership/leased-connections.js';
import type { Restored } from '../../membership/leased-entries.js';
import { ANSWERS, parseConnection } from '../input.js';
import { userTag } from '../keyspace.js';
import { SCRIPTS, type Script } from '../scripts/index.js';
import { UNSWEPT_TTL, type StoreContext } from './context.js';

/** Stores the connections of users. */
export class RedisConnectionStore implements ConnectionStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async register(user: string, entry: ConnectionEntry): Promise<void> {
    const { input, pod } = this.#context;
    const { holder, connection } = entry;
    const args = [connection.client, pod, holder, JSON.stringify(connection), UNSWEPT_TTL];
    entry.since = input.answer(ANSWERS.register, await this.#run(user, SCRIPTS.REGISTER, args), user);
  }

  async unregister(user: string, client: string, holder: string): Promise<void> {
    await this.#run(user, SCRIPTS.UNREGISTER, [client, holder]);
  }

  async connections(user: string): Promise<{ pod: string; connection: RegisteredConnection }[]> {
    const { input } = this.#context;
    const answer = input.answer(ANSWERS.connections, await this.#run(user, SCRIPTS.CONNECTIONS), user);
    const pairs = Array.from({ length: Math.floor(answer.length / 2) }, (_, index) => index * 2);
    return input.readable('connection', user, pairs, (index) => {
      const [pod = '', text = ''] = answer.slice(index, index + 2);
      const connection = parseConnection(text);
      return connection && { pod, connection };
    });
  }

  async sweep(user: string, dead: string): Promise<boolean> {
    await this.#run(user, SCRIPTS.SWEEP_USER, [dead]);
    return false;
  }

  async restore(user: string, entries: readonly (readonly [string, ConnectionEntry])[]): Promise<Restored> {
    const { input, pod } = this.#context;
    const connections = entries.flatMap(([client, { holder, connection, since }]) => [
      client,
      holder,
      JSON.stringify(connection),
      since,
    ]);
    const answer = await this.#run(user, SCRIPTS.REREGISTER, [pod, UNSWEPT_TTL, ...connections]);
    const [own, total] = input.answer(ANSWERS.restored, answer, user);
    return { own, total };
  }

  async remove(user: string, clients: readonly string[]): Promise<void> {
    await this.#run(user, SCRIPTS.REMOVE, [this.#context.pod, ...clients]);
  }

  async stored(user: string): Promise<string[]> {
    const connections = await this.connections(user);
    return connections.filter(({ pod }) => pod === this.#context.pod).map(({ connection }) => connection.client);
  }

  async prolong(user: string): Promise<boolean> {
    const { router, keyspace } = this.#context;
    return (await router.command(userTag(user), 'pexpire', keyspace.connections(user), UNSWEPT_TTL)) === 1;
  }

  async #run(user: string, script: Script, args: readonly (string | number)[] = []): Promise<unknown> {
    const { router, keyspace } = this.#context;
    return router.run({ tag: userTag(user), script, keys: [keyspace.connections(user)], args });
  }
}
