import { Module } from '@nestjs/common';
import { ChannelsModule } from '../channels/channels.module.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { LateEvents } from './late-events.js';
import { ChannelEvents } from './channel-events.js';
import { ClientEvents } from './client-events.js';
import { EventWebhook } from './event-webhook.js';

@Module({
  imports: [ChannelsModule, LifecycleModule],
  providers: [LateEvents, ChannelEvents, ClientEvents, EventWebhook],
  exports: [LateEvents, ClientEvents],
})
export class EventWebhookModule {}
