import { BROKER, type Broker } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Hub } from './channels/hub.js';
import { UsersService } from './users/users.service.js';

/** Starts the broker, and brings what it tells to those who wait for it. */
@Injectable()
export class BrokerListener implements OnApplicationBootstrap {
  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(Hub) private readonly hub: Hub,
    @Inject(UsersService) private readonly users: UsersService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { hub, users } = this;
    await this.broker.start({
      onPublication: (channel, publication) => hub.onPublication(channel, publication),
      onGap: (channel, position) => hub.onGap(channel, position),
      onJoin: (channel, member) => hub.onJoin(channel, member),
      onLeave: (channel, member) => hub.onLeave(channel, member),
      onSignal: (signal) => users.onSignal(signal),
    });
  }
}
