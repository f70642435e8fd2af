import { Global, Module } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { EventLog } from '../logging/event-log.js';
import { Tracing } from './tracing.js';

/** Global, since a message passes several folders. OpenTelemetry is loaded only if traces are exported. */
@Global()
@Module({
  providers: [
    {
      provide: Tracing,
      inject: [CONFIG, EventLog],
      useFactory: async ({ tracing, node }: Config, log: EventLog): Promise<Tracing> => {
        if (!tracing) return new Tracing();
        const { OpenTelemetry } = await import('./open-telemetry.js');
        return new Tracing(new OpenTelemetry(node, log));
      },
    },
  ],
  exports: [Tracing],
})
export class TracingModule {}
