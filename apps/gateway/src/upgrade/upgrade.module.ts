import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/index.js';
import { ConnectionModule } from '../connection/connection.module.js';
import { HttpModule } from '../http/http.module.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { Compression } from './compression.js';
import { Upgrades } from './upgrades.js';
import { WebSocketPathController } from './web-socket-path.controller.js';
import { WebSockets } from './web-sockets.js';

@Module({
  imports: [AuthModule, ConnectionModule, HttpModule, LifecycleModule],
  controllers: [WebSocketPathController],
  providers: [Compression, Upgrades, WebSockets],
})
export class UpgradeModule {}
