import type { Connection } from '../connection/connection.js';
import { Tally } from './tally.js';

/** A limit that has no room for another client. */
export type FullLimit = 'pod_connections' | 'user_connections' | 'address_connections';

export interface CensusLimits {
  /** Absent where memory alone is the limit. */
  readonly perPod?: number;
  readonly perUser: number;
  readonly perAddress: number;
}

export interface Newcomer {
  /** The id of its session. */
  readonly session: string;
  readonly user?: string | undefined;
  /** Absent where addresses are not told apart. */
  readonly address?: string | undefined;
}

/**
 * How many clients are connected: in all, of a user, from an address. Two connections of one session are a client that
 * moves from the one to the other, and count once. There are no three: the oldest has been taken over twice.
 */
export class Census {
  /** The newer connection of each session, by the session's id. */
  private readonly newest = new Map<string, Connection>();
  private readonly users = new Tally();
  private readonly addresses = new Tally();

  constructor(private readonly limits: CensusLimits) {}

  get clients(): number {
    return this.newest.size;
  }

  /** The newer connection of a session. */
  newestOf(session: string): Connection | undefined {
    return this.newest.get(session);
  }

  /** Which limit has no room for this one, if any. */
  full({ session, user, address }: Newcomer): FullLimit | undefined {
    const sibling = this.newest.get(session);
    const { perPod = Infinity, perUser, perAddress } = this.limits;
    if (sibling === undefined && this.newest.size >= perPod) return 'pod_connections';
    if (user !== sibling?.user && this.users.of(user) >= perUser) return 'user_connections';
    if (address !== sibling?.address && this.addresses.of(address) >= perAddress) return 'address_connections';
    return undefined;
  }

  /** @returns the connection that is to be closed, since its session has two newer ones. */
  enter(connection: Connection): Connection | undefined {
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

  leave(connection: Connection): void {
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
