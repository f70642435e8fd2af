import { Global, Module } from '@nestjs/common';
import { BrokerInputs } from '../broker/broker-inputs.js';
import { ManagementServer } from '../http/management-server.js';
import { Metrics } from './metrics.js';

/** Global, since everything counts. */
@Global()
@Module({ providers: [BrokerInputs, Metrics, ManagementServer], exports: [BrokerInputs, Metrics, ManagementServer] })
export class MetricsModule {}
