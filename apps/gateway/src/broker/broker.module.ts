import { Global, Module } from '@nestjs/common';
import { BrokerInputs } from './broker-inputs.js';
import { BrokerMetrics } from './broker-metrics.js';
import { BrokerMonitor } from './broker-monitor.js';
import { BrokerNotices } from './broker-notices.js';
import { PlainRefusals } from './plain-refusals.js';

/** Global, since every folder that reads from the broker rejects what it cannot use. */
@Global()
@Module({
  providers: [BrokerInputs, BrokerMetrics, BrokerMonitor, BrokerNotices, PlainRefusals],
  exports: [BrokerInputs, BrokerMonitor, BrokerNotices, PlainRefusals],
})
export class BrokerModule {}
