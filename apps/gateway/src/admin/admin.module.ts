import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/index.js';
import { ChannelsModule } from '../channels/channels.module.js';
import { ConnectionModule } from '../connection/connection.module.js';
import { HealthModule } from '../health/health.module.js';
import { HttpModule } from '../http/http.module.js';
import { JsonBodyPipe } from '../http/json-body.pipe.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { UsersModule } from '../users/users.module.js';
import { AdminApi } from './admin-api.js';
import { AdminRoutes } from './admin-routes.js';
import { PodLists } from './pod-lists.js';
import { PodState } from './pod-state.js';
import { UsersAndMessages } from './users-and-messages.js';

@Module({
  imports: [AuthModule, ChannelsModule, ConnectionModule, HealthModule, HttpModule, LifecycleModule, UsersModule],
  providers: [AdminApi, AdminRoutes, JsonBodyPipe, PodLists, PodState, UsersAndMessages],
})
export class AdminModule {}
