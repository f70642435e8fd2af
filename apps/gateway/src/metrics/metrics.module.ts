import { Global, Module } from '@nestjs/common';
import { ManagementServer } from './management-server.js';
import { Metrics } from './metrics.js';

/** Global, since everything counts. */
@Global()
@Module({ providers: [Metrics, ManagementServer], exports: [Metrics, ManagementServer] })
export class MetricsModule {}
