import { BROKER, type Broker } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { Hub } from './channels/hub.js';
import { BelatedEvents } from './events/belated-events.js';
import { BrokerMonitor } from './health/broker-monitor.js';
import { parseSignal } from './signals.js';
import { UserCommands } from './users/user-commands.js';

/** Starts the broker, and brings what it tells to those who wait for it. */
@Injectable()
export class BrokerListener implements OnApplicationBootstrap {
  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(Hub) private readonly hub: Hub,
    @Inject(BelatedEvents) private readonly events: BelatedEvents,
    @Inject(UserCommands) private readonly commands: UserCommands,
    @Inject(BrokerMonitor) private readonly monitor: BrokerMonitor,
    @InjectPinoLogger(BrokerListener.name) private readonly logger: PinoLogger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { hub, events } = this;
    await this.broker.start({
      onPublication: (channel, publication) => hub.onPublication(channel, publication),
      onGap: (channel, position) => hub.onGap(channel, position),
      onJoin: (channel, member) => hub.onJoin(channel, member),
      onLeave: (channel, member) => hub.onLeave(channel, member),
      onPresenceGap: (channel) => hub.onPresenceGap(channel),
      onBelated: (...belated) => events.onBelated(...belated),
      onSignal: (signal) => this.onSignal(signal),
    });
    await this.monitor.watch(() => this.commands.load());
  }

  private onSignal(text: string): void {
    const signal = parseSignal(text);
    if (signal === undefined) this.logger.warn('a signal was skipped: this release does not know its like');
    else this.commands.hear(signal);
  }
}
