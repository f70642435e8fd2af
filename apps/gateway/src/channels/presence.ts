import { BROKER, type Broker } from '@holdfast/broadcast';
import type { Members } from '@holdfast/protocol';
import { Inject, Injectable } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { BrokerInputs } from '../broker-input/broker-inputs.js';
import { CONFIG, type Config } from '../config/index.js';
import type { Connection } from '../gateway/connection.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import { fromBroker } from './broker-errors.js';
import { departed } from './departure.js';
import { decodeMember, encodeMember } from './member.js';
import type { Subscription } from './subscription.js';

/** Who is in a channel. */
@Injectable()
export class Presence {
  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
    @InjectPinoLogger(Presence.name) private readonly logger: PinoLogger,
  ) {}

  async members(channel: string): Promise<Members> {
    const query = {
      limit: this.config.presence.maxMembers,
      // As much as one answer may hold beside what else waits for its client.
      maxBytes: this.config.connection.maxBuffered / 2,
    };
    const { members, count } = await fromBroker(this.broker.members(channel, query));
    const decoded = members.flatMap((member) => {
      const known = decodeMember(member);
      if (known === undefined) this.inputs.invalid('details', channel);
      return known ?? [];
    });
    return { members: decoded, count };
  }

  async join(subscription: Subscription): Promise<void> {
    const { connection, channel } = subscription;
    subscription.joined = true;
    await fromBroker(this.broker.join(channel.name, encodeMember(connection), connection.id));
    // It ended meanwhile, and was taken out of the channel before it was in.
    if (subscription.ended) this.leave(subscription);
  }

  leave({ connection, channel, joined }: Subscription): void {
    if (!joined) return;
    this.broker.leave(channel.name, connection.client, connection.id).catch((error: unknown) => {
      // Its lease runs out; and when the broker is away there is one of these for each member that leaves.
      this.logger.debug({ err: error, ...connection.logFields }, 'a leave was lost');
    });
  }

  /**
   * Takes a closed connection out of its channels: at once where its client does not come back, and else after a grace
   * time in which its session may come back on another connection. On the way down nobody leaves: clients come back
   * elsewhere under their session, and the leases of those that do not run out.
   */
  disconnected(connection: Connection, subscriptions: readonly Subscription[]): void {
    const joined = subscriptions.filter((subscription) => subscription.joined);
    if (joined.length === 0 || this.lifecycle.stage === 'draining') return;
    departed(connection, this.config.presence.grace, () => joined.forEach((subscription) => this.leave(subscription)));
  }
}
