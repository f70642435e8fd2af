import { Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { AuthModule } from '../auth/index.js';
import { ChannelsModule } from '../channels/channels.module.js';
import { CONFIG, type Config } from '../config/index.js';
import { EventsModule } from '../events/events.module.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { ConnectionLimits } from '../limits/connection-limits.js';
import { SOCKETS } from '../limits/descriptors.js';
import { Overload } from '../limits/overload.js';
import { PendingSockets } from '../http/pending-sockets.js';
import { Verifying } from '../limits/verifying.js';
import { Metrics } from '../metrics/metrics.js';
import { ChannelRequests } from '../channels/channel-requests.js';
import { Connections } from '../connection/connections.js';
import { Dispatcher } from '../connection/dispatcher.js';
import { Drain } from '../lifecycle/drain.js';
import { Moves } from './moves.js';
import { SessionGateway } from './session.gateway.js';
import { Upgrades } from '../upgrade/upgrades.js';
import { WebSocketPathController } from '../upgrade/web-socket-path.controller.js';

@Module({
  imports: [AuthModule, ChannelsModule, EventsModule, LifecycleModule],
  controllers: [WebSocketPathController],
  providers: [
    ChannelRequests,
    ConnectionLimits,
    Connections,
    Dispatcher,
    Drain,
    Moves,
    Overload,
    SessionGateway,
    Upgrades,
    Verifying,
    {
      provide: PendingSockets,
      inject: [HttpAdapterHost, CONFIG, Metrics],
      useFactory: ({ httpAdapter }: HttpAdapterHost<FastifyAdapter>, { limits }: Config, metrics: Metrics) => {
        const { server } = httpAdapter.getInstance();
        server.maxConnections = Math.min(SOCKETS.all, Number.MAX_SAFE_INTEGER);
        const sockets = new PendingSockets(server, Math.min(limits.pending, SOCKETS.pending), metrics);
        metrics.gauge(
          'holdfast_pending_sockets',
          'TCP connections that are no WebSocket and have no request under way',
          () => sockets.size,
        );
        return sockets;
      },
    },
  ],
  exports: [Connections, Moves, Overload],
})
export class GatewayModule {}
