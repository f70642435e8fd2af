import type { RegisteredConnection } from '../broker.js';

/** The connections of users. */
export class MemoryConnections {
  readonly #users = new Map<string, Map<string, RegisteredConnection>>();

  register(connection: RegisteredConnection): void {
    const clients = this.#users.get(connection.user);
    if (clients === undefined) this.#users.set(connection.user, new Map([[connection.client, connection]]));
    else clients.set(connection.client, connection);
  }

  unregister(user: string, client: string, holder: string): void {
    const clients = this.#users.get(user);
    if (clients?.get(client)?.holder !== holder) return;
    clients.delete(client);
    if (clients.size === 0) this.#users.delete(user);
  }

  connections(user: string): RegisteredConnection[] {
    return [...(this.#users.get(user)?.values() ?? [])];
  }
}
