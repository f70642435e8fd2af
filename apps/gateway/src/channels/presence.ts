import { BROKER, type Broker, type MemberList } from '@holdfast/broadcast';
import type { Members } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { BrokerInputs } from '../broker/broker-inputs.js';
import { retryWhile } from '../broker/retry.js';
import { CONFIG, type Config } from '../config/index.js';
import type { Connection } from '../connection/connection.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import { Quotas } from '../limits/quotas.js';
import { fromBroker } from '../errors/broker-errors.js';
import { departed } from '../connection/departure.js';
import { decodeMember, encodeMember } from './member.js';
import { Reads, type Reader } from './reads.js';
import type { Subscription } from './subscription.js';
import { subscriptionsOf } from './subscriptions.js';
import { EventLog } from '../logging/event-log.js';

/** Membership of channels. */
@Injectable()
export class Presence {
  /** Subscriptions whose client is being made a member again. */
  private readonly rejoining = new Set<Subscription>();

  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
    @Inject(Quotas) private readonly quotas: Quotas,
    @Inject(Reads) private readonly reads: Reads,
    @Inject(EventLog) private readonly log: EventLog,
  ) {}

  /** @throws ProtocolError `rate_limited` if the reader has read too much. */
  async members(channel: string, reader: Reader): Promise<Members> {
    const query = {
      limit: this.config.presence.maxMembers,
      // A part of the buffer, so that the answer and other data for the client fit.
      maxBytes: this.config.connection.maxBuffered / 2,
    };
    const read = (): Promise<MemberList> => fromBroker(this.broker.members(channel, query));
    const { members, count } = await this.reads.run(reader, read, sizeOf);
    const decoded = members.flatMap((member) => {
      const known = decodeMember(member);
      if (known === undefined) this.inputs.invalid('details', channel);
      return known ?? [];
    });
    return { members: decoded, count };
  }

  /** @throws ProtocolError `rate_limited` if the client's user joins and leaves too often. */
  async join(subscription: Subscription): Promise<void> {
    const { connection, channel } = subscription;
    this.quotas.take(connection, 'presenceChanges');
    subscription.joined = true;
    await fromBroker(this.broker.join(channel.name, encodeMember(connection), connection.id));
    // It ended meanwhile, so its leave came before the join.
    if (subscription.ended) this.leave(subscription);
  }

  leave(subscription: Subscription): void {
    if (!subscription.joined) return;
    const { connection } = subscription;
    this.quotas.pour(connection, 'presenceChanges', 1);
    const heir = inPlaceOf(subscription, connection.sibling);
    if (heir === undefined) this.leaveAs(subscription);
    else this.rejoin(heir, subscription);
  }

  /**
   * Makes a client a member again by the connection that it still has, with as many attempts as needed.
   *
   * @param former the ended subscription of its other connection.
   */
  rejoin(subscription: Subscription, former?: Subscription): void {
    if (!subscription.joined || subscription.ended || this.rejoining.has(subscription)) return;
    this.rejoining.add(subscription);
    this.rejoinUntilDone(subscription, former)
      .catch((error: unknown) => this.log.write('presence.rejoin_failed', { err: error }))
      .finally(() => this.rejoining.delete(subscription));
  }

  private async rejoinUntilDone(subscription: Subscription, former: Subscription | undefined): Promise<void> {
    const { connection, channel } = subscription;
    const joined = await retryWhile(
      () => !subscription.ended,
      () => this.broker.join(channel.name, encodeMember(connection), connection.id),
    );
    if (joined === undefined) {
      if (former !== undefined) this.leaveAs(former);
      return;
    }
    // It ended meanwhile, so its leave came before the join.
    if (subscription.ended) this.leave(subscription);
  }

  private leaveAs({ connection, channel }: Subscription): void {
    this.broker.leave(channel.name, connection.client, connection.id).catch((error: unknown) => {
      // The lease of the member expires anyway. During an outage of the broker this happens for each member that
      // leaves.
      this.log.write('presence.leave_failed', { err: error, ...connection.logFields });
    });
  }

  /**
   * Removes a closed connection from its channels: at once if its client will not come back, or else after a grace
   * time, during which its session may come back on another connection. While this pod stops nobody is removed: clients
   * come back elsewhere under their session, and the leases of all others expire.
   *
   * @param heir the connection on which its client continues, if there is one.
   */
  disconnected(connection: Connection, subscriptions: readonly Subscription[], heir: Connection | undefined): void {
    const joined: Subscription[] = [];
    for (const subscription of subscriptions) {
      if (!subscription.joined) continue;
      const successor = inPlaceOf(subscription, heir);
      if (successor === undefined) joined.push(subscription);
      else this.rejoin(successor, subscription);
    }
    if (joined.length === 0 || this.lifecycle.stage === 'draining') return;
    departed(connection, this.config.presence.grace, () => joined.forEach((subscription) => this.leave(subscription)));
  }
}

function sizeOf({ members }: MemberList): number {
  return members.reduce((sum, { client, details }) => sum + client.length + details.length, 0);
}

/** The subscription of the client's other connection that keeps it a member, if there is one. */
function inPlaceOf({ connection, channel }: Subscription, other: Connection | undefined): Subscription | undefined {
  if (other === undefined || !other.open || other.client !== connection.client) return undefined;
  const subscription = subscriptionsOf(other)?.get(channel.name);
  return subscription?.joined && !subscription.ended ? subscription : undefined;
}
