import { BROKER, type Broker, type Connection as RegisteredConnection } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { BrokerInputs } from '../broker-input/broker-inputs.js';
import { fromBroker } from '../channels/broker-errors.js';
import { ChannelsService } from '../channels/channels.service.js';
import { Connections } from '../gateway/connections.js';
import { Refusals } from './refusals.js';
import { parseUserSignal, type UserSignal } from './user-signal.js';

/** What the HTTP API does to users, wherever they are connected. */
@Injectable()
export class UsersService {
  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(ChannelsService) private readonly channels: ChannelsService,
    @Inject(Refusals) private readonly refusals: Refusals,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
  ) {}

  async connectionsOf(user: string): Promise<readonly RegisteredConnection[]> {
    return fromBroker(this.broker.connections(user));
  }

  /** Closes all connections of a user, and refuses new ones until a time in ms since the Unix epoch, where one is given. */
  async disconnect(user: string, until: number | undefined): Promise<void> {
    if (until !== undefined) await this.refusals.store({ user, until });
    await this.signal({ type: 'disconnect', user, until });
  }

  async unsubscribe(user: string, channel: string): Promise<void> {
    await this.signal({ type: 'unsubscribe', user, channel });
  }

  onSignal(text: string): void {
    const signal = parseUserSignal(text);
    if (signal === undefined) {
      this.inputs.invalid('signal', 'signals');
      return;
    }
    const connections = this.connections.ofUser(signal.user);
    switch (signal.type) {
      case 'disconnect':
        if (signal.until !== undefined) this.connections.refuse(signal.user, signal.until);
        for (const connection of connections) connection.close('disconnected');
        break;
      case 'unsubscribe':
        for (const { subscriptions } of connections) {
          const subscription = subscriptions?.get(signal.channel);
          if (subscription !== undefined) this.channels.kick(subscription, 'kicked');
        }
    }
  }

  private async signal(signal: UserSignal): Promise<void> {
    await fromBroker(this.broker.signal(JSON.stringify(signal)));
  }
}
