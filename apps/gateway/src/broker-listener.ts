import { BROKER, type Broker } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { BrokerInputs } from './broker-input/broker-inputs.js';
import { Hub } from './channels/hub.js';
import { BelatedEvents } from './events/belated-events.js';
import { BrokerMonitor } from './health/broker-monitor.js';
import { Refusals } from './users/refusals.js';
import { UsersService } from './users/users.service.js';

/** Starts the broker, and brings what it tells to those who wait for it. */
@Injectable()
export class BrokerListener implements OnApplicationBootstrap {
  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(Hub) private readonly hub: Hub,
    @Inject(BelatedEvents) private readonly events: BelatedEvents,
    @Inject(UsersService) private readonly users: UsersService,
    @Inject(Refusals) private readonly refusals: Refusals,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
    @Inject(BrokerMonitor) private readonly monitor: BrokerMonitor,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { hub, events, users, inputs } = this;
    await this.broker.start({
      onPublication: (channel, publication) => hub.onPublication(channel, publication),
      onGap: (channel, position) => hub.onGap(channel, position),
      onJoin: (channel, member) => hub.onJoin(channel, member),
      onLeave: (channel, member) => hub.onLeave(channel, member),
      onPresenceGap: (channel) => hub.onPresenceGap(channel),
      onBelated: (...belated) => events.onBelated(...belated),
      onSignal: (signal) => users.onSignal(signal),
      onInvalid: (kind, name) => inputs.invalid(kind, name),
      onFault: (error) => inputs.fault(error),
    });
    await this.monitor.watch(() => this.refusals.load());
  }
}
