import { Global, Module } from '@nestjs/common';
import { BrokerInputs } from './broker-inputs.js';
import { BrokerMonitor } from './broker-monitor.js';
import { PlainRefusals } from './plain-refusals.js';

/** Global, since every folder that reads from the broker rejects what it cannot use. */
@Global()
@Module({
  providers: [BrokerInputs, BrokerMonitor, PlainRefusals],
  exports: [BrokerInputs, BrokerMonitor, PlainRefusals],
})
export class BrokerModule {}
