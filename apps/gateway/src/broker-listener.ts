import { BROKER, type Broker } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { ChannelsService } from './channels/channels.service.js';
import { Hub } from './channels/hub.js';
import { BelatedEvents } from './events/belated-events.js';
import { Moves } from './gateway/moves.js';
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
    @Inject(ChannelsService) private readonly channels: ChannelsService,
    @Inject(Moves) private readonly moves: Moves,
    @Inject(BrokerMonitor) private readonly monitor: BrokerMonitor,
    @InjectPinoLogger(BrokerListener.name) private readonly logger: PinoLogger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { hub, events } = this;
    await this.broker.start({
      onPublication: (channel, publication) => hub.onPublication(channel, publication),
      onGap: (channel, position) => hub.onGap(channel, position),
      onJoin: (channel, member) => hub.onJoin(channel, member),
      onLeave: (channel, member) => {
        hub.onLeave(channel, member);
        this.moves.memberLeft(member.client, (connection) => this.channels.rejoin(connection, channel));
      },
      onPresenceGap: (channel) => hub.onPresenceGap(channel),
      onBelated: (...belated) => events.onBelated(...belated),
      onSignal: (signal) => this.onSignal(signal),
    });
    await this.monitor.watch(async () => {
      await this.commands.load();
      void this.moves.announceAll().catch(() => undefined);
    });
  }

  private onSignal(text: string): void {
    const signal = parseSignal(text);
    if (signal === undefined) this.logger.warn('a signal was skipped: this release does not know its like');
    else if (signal.type === 'moves') this.moves.onSignal(signal);
    else this.commands.hear(signal);
  }
}
