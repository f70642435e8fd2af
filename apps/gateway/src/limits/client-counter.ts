import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { Tally } from './tally.js';

/** A limit that leaves no room for another client. */
export type FullLimit = 'pod_connections' | 'user_connections' | 'address_connections';

export interface Newcomer {
  /** The id of its session. */
  readonly session: string;
  readonly user?: string | undefined;
  /** Absent if addresses are not told apart. */
  readonly address?: string | undefined;
}

/** A connection, as far as it is counted. */
export interface Counted<Self> {
  readonly session: { readonly id: string };
  readonly user: string | undefined;
  readonly address: string | undefined;
  /** The other connection of the same session, while its client moves from one to the other. */
  sibling: Self | undefined;
  /** Whether it is counted now. */
  counted: boolean;
}

/**
 * Counts clients: in all, per user and per address. Two connections of one session are a client that moves from one to the
 * other, and count once. There are never three: the oldest has been replaced twice.
 */
@Injectable()
export class ClientCounter<C extends Counted<C>> {
  /** The newer connection of each session, by the session's id. */
  private readonly newest = new Map<string, C>();
  private readonly users = new Tally();
  private readonly addresses = new Tally();
  private readonly limits: Config['limits']['connections'];

  constructor(@Inject(CONFIG) { limits }: Pick<Config, 'limits'>) {
    this.limits = limits.connections;
  }

  get clients(): number {
    return this.newest.size;
  }

  /** How many users have clients here; anonymous clients do not count. */
  get distinctUsers(): number {
    return this.users.size;
  }

  /** The newer connection of a session. */
  newestOf(session: string): C | undefined {
    return this.newest.get(session);
  }

  /** The limit that has no room for this client, if any. */
  full({ session, user, address }: Newcomer): FullLimit | undefined {
    const sibling = this.newest.get(session);
    const { perPod = Infinity, perUser, perAddress } = this.limits;
    if (sibling === undefined && this.newest.size >= perPod) return 'pod_connections';
    if (user !== sibling?.user && this.users.of(user) >= perUser) return 'user_connections';
    if (address !== sibling?.address && this.addresses.of(address) >= perAddress) return 'address_connections';
    return undefined;
  }

  /** @returns the connection to close, if its session now has two newer ones. */
  enter(connection: C): C | undefined {
    const { session, user, address } = connection;
    const sibling = this.newest.get(session.id);
    const surplus = sibling?.sibling;
    if (surplus !== undefined) this.leave(surplus);
    this.newest.set(session.id, connection);
    connection.counted = true;
    connection.sibling = sibling;
    if (sibling !== undefined) sibling.sibling = connection;
    if (user !== sibling?.user) this.users.add(user);
    if (address !== sibling?.address) this.addresses.add(address);
    return surplus;
  }

  leave(connection: C): void {
    if (!connection.counted) return;
    const { session, user, address, sibling } = connection;
    connection.counted = false;
    connection.sibling = undefined;
    if (sibling === undefined) {
      this.newest.delete(session.id);
    } else {
      sibling.sibling = undefined;
      this.newest.set(session.id, sibling);
    }
    if (user !== sibling?.user) this.users.remove(user);
    if (address !== sibling?.address) this.addresses.remove(address);
  }
}
