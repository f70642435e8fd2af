import { Module } from '@nestjs/common';
import { ChannelsModule } from '../channels/channels.module.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { BelatedEvents } from './belated-events.js';
import { ChannelEvents } from './channel-events.js';
import { ClientEvents } from './client-events.js';
import { EventWebhook } from './event-webhook.js';

@Module({
  imports: [ChannelsModule, LifecycleModule],
  providers: [BelatedEvents, ChannelEvents, ClientEvents, EventWebhook],
  exports: [BelatedEvents, ClientEvents],
})
export class EventsModule {}
