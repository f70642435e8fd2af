import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/index.js';
import { ChannelsModule } from '../channels/channels.module.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { Admission } from '../limits/admission.js';
import { Overload } from '../limits/overload.js';
import { Connections } from './connections.js';
import { Dispatcher } from './dispatcher.js';
import { Drain } from './drain.js';
import { SessionGateway } from './session.gateway.js';
import { Upgrades } from './upgrades.js';
import { WebSocketPathController } from './web-socket-path.controller.js';

@Module({
  imports: [AuthModule, ChannelsModule, LifecycleModule],
  controllers: [WebSocketPathController],
  providers: [Admission, Connections, Dispatcher, Drain, Overload, SessionGateway, Upgrades],
  exports: [Connections, Overload],
})
export class GatewayModule {}
