import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/index.js';
import { ChannelsModule } from '../channels/channels.module.js';
import { ConnectionModule } from '../connection/connection.module.js';
import { EventsModule } from '../events/events.module.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { UpgradeModule } from '../upgrade/upgrade.module.js';
import { Moves } from './moves.js';
import { SessionService } from './session.service.js';
import { WebSockets } from './web-sockets.js';

@Module({
  imports: [AuthModule, ChannelsModule, ConnectionModule, EventsModule, LifecycleModule, UpgradeModule],
  providers: [Moves, SessionService, WebSockets],
  exports: [Moves],
})
export class GatewayModule {}
