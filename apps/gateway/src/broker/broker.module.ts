import { Global, Module } from '@nestjs/common';
import { BrokerInputs } from './broker-inputs.js';
import { BrokerMetrics } from './broker-metrics.js';
import { BrokerMonitor } from './broker-monitor.js';
import { BrokerNotices } from './broker-notices.js';

/** Global, since every folder that reads from the broker rejects what it cannot use. */
@Global()
@Module({
  providers: [BrokerInputs, BrokerMetrics, BrokerMonitor, BrokerNotices],
  exports: [BrokerInputs, BrokerMonitor, BrokerNotices],
})
export class BrokerModule {}
