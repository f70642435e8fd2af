import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { GatewayModule } from '../gateway/gateway.module.js';
import { LifecycleModule } from '../lifecycle/lifecycle.module.js';
import { BrokerMonitor } from '../broker/broker-monitor.js';
import { HealthController } from './health.controller.js';

@Module({
  // A pod that is not ready is no error to log with each probe.
  imports: [TerminusModule.forRoot({ logger: false }), GatewayModule, LifecycleModule],
  controllers: [HealthController],
  providers: [BrokerMonitor],
  exports: [BrokerMonitor],
})
export class HealthModule {}
