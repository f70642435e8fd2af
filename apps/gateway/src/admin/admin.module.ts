import { Module } from '@nestjs/common';
import { ChannelsModule } from '../channels/channels.module.js';
import { ConnectionModule } from '../connection/connection.module.js';
import { HealthModule } from '../health/health.module.js';
import { HttpModule } from '../http/http.module.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { UsersModule } from '../users/users.module.js';
import { AdminApi } from './admin-api.js';
import { PodLists } from './pod-lists.js';
import { PodState } from './pod-state.js';

@Module({
  imports: [ChannelsModule, ConnectionModule, HealthModule, HttpModule, LifecycleModule, UsersModule],
  providers: [AdminApi, PodLists, PodState],
})
export class AdminModule {}
