import { Module } from '@nestjs/common';
import { Connections } from './connections.js';
import { Dispatcher } from './dispatcher.js';
import { FlushSchedule } from './flush-schedule.js';

@Module({ providers: [Connections, Dispatcher, FlushSchedule], exports: [Connections, Dispatcher, FlushSchedule] })
export class ConnectionModule {}
