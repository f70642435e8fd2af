import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/index.js';
import { ChannelsModule } from '../channels/channels.module.js';
import { ConnectionModule } from '../connection/connection.module.js';
import { EventWebhookModule } from '../event-webhook/event-webhook.module.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { Moves } from './moves.js';
import { SessionService } from './session.service.js';

@Module({
  imports: [AuthModule, ChannelsModule, ConnectionModule, EventWebhookModule, LifecycleModule],
  providers: [Moves, SessionService],
  exports: [Moves],
})
export class SessionsModule {}
