import { BROKER, type Broker, type MemberList } from '@holdfast/broadcast';
import type { Members } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { BrokerInputs } from '../broker-input/broker-inputs.js';
import { CONFIG, type Config } from '../config/index.js';
import type { Connection } from '../gateway/connection.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import { Quotas } from '../limits/quotas.js';
import { fromBroker } from './broker-errors.js';
import { departed } from './departure.js';
import { decodeMember, encodeMember } from './member.js';
import { Reads, type Reader } from './reads.js';
import type { Subscription } from './subscription.js';

/** How long until the broker is asked again that could not be asked, in ms. */
const RETRY_MS = 1_000;

/** Who is in a channel. */
@Injectable()
export class Presence {
  /** Those that are put back just now. */
  private readonly rejoining = new Set<Subscription>();

  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
    @Inject(Quotas) private readonly quotas: Quotas,
    @Inject(Reads) private readonly reads: Reads,
    @InjectPinoLogger(Presence.name) private readonly logger: PinoLogger,
  ) {}

  /** @throws ProtocolError `rate_limited` if the reader has read too much. */
  async members(channel: string, reader: Reader): Promise<Members> {
    const query = {
      limit: this.config.presence.maxMembers,
      // As much as one answer may hold beside what else waits for its client.
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
    // It ended meanwhile, and was taken out of the channel before it was in.
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
   * Puts a client back among the members by the connection that it still has, as often as it takes.
   *
   * @param former the subscription of its other connection, which is over.
   */
  rejoin(subscription: Subscription, former?: Subscription): void {
    if (!subscription.joined || subscription.ended || this.rejoining.has(subscription)) return;
    this.rejoining.add(subscription);
    this.rejoinUntilDone(subscription, former)
      .catch((error: unknown) => this.logger.error({ err: error }, 'a client could not be put back among the members'))
      .finally(() => this.rejoining.delete(subscription));
  }

  private async rejoinUntilDone(subscription: Subscription, former: Subscription | undefined): Promise<void> {
    const { connection, channel } = subscription;
    while (!subscription.ended) {
      try {
        await this.broker.join(channel.name, encodeMember(connection), connection.id);
        // It ended meanwhile, and was taken out of the channel before it was in.
        if (subscription.ended) this.leave(subscription);
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      }
    }
    if (former !== undefined) this.leaveAs(former);
  }

  private leaveAs({ connection, channel }: Subscription): void {
    this.broker.leave(channel.name, connection.client, connection.id).catch((error: unknown) => {
      // Its lease runs out; and when the broker is away there is one of these for each member that leaves.
      this.logger.debug({ err: error, ...connection.logFields }, 'a leave was lost');
    });
  }

  /**
   * Takes a closed connection out of its channels: at once where its client does not come back, and else after a grace
   * time in which its session may come back on another connection. On the way down nobody leaves: clients come back
   * elsewhere under their session, and the leases of those that do not run out.
   *
   * @param heir the connection on which its client goes on, if it has another one.
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

/** The subscription of the client's other connection by which it stays a member, if there is one. */
function inPlaceOf({ connection, channel }: Subscription, other: Connection | undefined): Subscription | undefined {
  if (other === undefined || !other.open || other.client !== connection.client) return undefined;
  const subscription = other.subscriptions?.get(channel.name);
  return subscription?.joined && !subscription.ended ? subscription : undefined;
}
