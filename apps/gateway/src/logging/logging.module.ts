import { Global, Module, type DynamicModule } from '@nestjs/common';
import { LoggerModule, PinoLogger } from 'nestjs-pino';
import type { Config } from '../config/index.js';
import { EventLog } from './event-log.js';
import { logOptions } from './log.js';

/** Global, since every folder logs. */
@Global()
@Module({})
export class LoggingModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: LoggingModule,
      imports: [LoggerModule.forRoot(logOptions(config))],
      providers: [
        { provide: EventLog, inject: [PinoLogger], useFactory: ({ logger }: PinoLogger) => new EventLog(logger) },
      ],
      exports: [EventLog],
    };
  }
}
