import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/index.js';
import { ConnectionModule } from '../connection/connection.module.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { ChannelRequests } from './channel-requests.js';
import { ChannelsService } from './channels.service.js';
import { Hub } from './hub.js';
import { Presence } from './presence.js';
import { Reads } from './reads.js';
import { Replays } from './replays.js';

@Module({
  imports: [AuthModule, ConnectionModule, LifecycleModule],
  providers: [ChannelRequests, ChannelsService, Hub, Presence, Reads, Replays],
  exports: [ChannelsService, Hub],
})
export class ChannelsModule {}
