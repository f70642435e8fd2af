import { BROKER, type Broker } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { BrokerInputs } from './broker/broker-inputs.js';
import { BrokerNotices } from './broker/broker-notices.js';
import { ChannelsService } from './channels/channels.service.js';
import { Hub } from './channels/hub.js';
import { LateEvents } from './event-webhook/late-events.js';
import { DrainReports } from './lifecycle/drain-reports.js';
import { Moves } from './sessions/moves.js';
import { BrokerMonitor } from './broker/broker-monitor.js';
import { PlainRefusals } from './broker/plain-refusals.js';
import { parseSignal } from './signals.js';
import { BlockExchange } from './users/block-exchange.js';
import { UserCommands } from './users/user-commands.js';

/** Starts the broker, and passes its events to those that handle them. */
@Injectable()
export class BrokerListener implements OnApplicationBootstrap {
  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(Hub) private readonly hub: Hub,
    @Inject(LateEvents) private readonly events: LateEvents,
    @Inject(UserCommands) private readonly commands: UserCommands,
    @Inject(BlockExchange) private readonly blocks: BlockExchange,
    @Inject(ChannelsService) private readonly channels: ChannelsService,
    @Inject(Moves) private readonly moves: Moves,
    @Inject(DrainReports) private readonly drains: DrainReports,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
    @Inject(BrokerNotices) private readonly notices: BrokerNotices,
    @Inject(PlainRefusals) private readonly refusals: PlainRefusals,
    @Inject(BrokerMonitor) private readonly monitor: BrokerMonitor,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { hub, events, inputs, notices } = this;
    await this.broker.start({
      onPublication: (channel, publication) => hub.onPublication(channel, publication),
      onGap: (channel, position) => hub.onGap(channel, position),
      onJoin: (channel, member) => hub.onJoin(channel, member),
      onLeave: (channel, member) => {
        hub.onLeave(channel, member);
        this.moves.memberLeft(member.client, (connection) => this.channels.rejoin(connection, channel));
      },
      onPresenceGap: (channel) => hub.onPresenceGap(channel),
      onLateMembership: (...belated) => events.onLateMembership(...belated),
      onSignal: (signal) => this.onSignal(signal),
      onInvalid: (kind, name) => inputs.invalid(kind, name),
      onNotice: (notice) => notices.add(notice),
      onPlainRefused: (channel, reason) => this.refusals.refused(channel, reason),
      onFault: (error) => inputs.fault(error),
    });
    await this.monitor.watch(async () => {
      await this.commands.load();
      await this.blocks.ask();
      void this.moves.announceAll().catch(() => undefined);
    });
  }

  private onSignal(text: string): void {
    const signal = parseSignal(text);
    if (signal === undefined) this.inputs.invalid('signal', 'signals');
    else if (signal.type === 'moves') this.moves.onSignal(signal);
    else if (signal.type === 'drained') this.drains.onSignal(signal);
    else if (signal.type === 'blocks' || signal.type === 'blocks-wanted') this.blocks.onSignal(signal);
    else this.commands.hear(signal);
  }
}
