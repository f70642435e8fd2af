import { Global, Module } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { Metrics } from './metrics.js';

/** Global, since every folder counts. */
@Global()
@Module({
  providers: [{ provide: Metrics, inject: [CONFIG], useFactory: ({ tracing }: Config) => new Metrics(tracing) }],
  exports: [Metrics],
})
export class MetricsModule {}
