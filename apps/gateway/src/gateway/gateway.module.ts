import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/index.js';
import { ChannelsModule } from '../channels/channels.module.js';
import { EventsModule } from '../events/events.module.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { Connections } from './connections.js';
import { Dispatcher } from './dispatcher.js';
import { Drain } from './drain.js';
import { SessionGateway } from './session.gateway.js';
import { Upgrades } from './upgrades.js';
import { WebSocketPathController } from './web-socket-path.controller.js';

@Module({
  imports: [AuthModule, ChannelsModule, EventsModule, LifecycleModule],
  controllers: [WebSocketPathController],
  providers: [Connections, Dispatcher, Drain, SessionGateway, Upgrades],
  exports: [Connections],
})
export class GatewayModule {}
