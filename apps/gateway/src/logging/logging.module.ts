import { Global, Module, type DynamicModule } from '@nestjs/common';
import { LoggerModule, PinoLogger } from 'nestjs-pino';
import { pino } from 'pino';
import type { Config } from '../config/index.js';
import { EventLog } from './event-log.js';
import { isSilent, logOptions } from './log.js';

/** Global, since every folder logs. */
@Global()
@Module({})
export class LoggingModule {
  static forRoot(config: Config): DynamicModule {
    const common = { module: LoggingModule, exports: [EventLog] };
    if (isSilent(config)) {
      // nestjs-pino has one logger for the whole process, which stays the first one.
      const log = new EventLog(pino({ level: 'silent' }));
      return { ...common, providers: [{ provide: EventLog, useValue: log }] };
    }
    return {
      ...common,
      imports: [LoggerModule.forRoot(logOptions(config))],
      providers: [
        { provide: EventLog, inject: [PinoLogger], useFactory: ({ logger }: PinoLogger) => new EventLog(logger) },
      ],
    };
  }
}
