import { Module } from '@nestjs/common';
import { Connections } from './connections.js';
import { Dispatcher } from './dispatcher.js';

@Module({ providers: [Connections, Dispatcher], exports: [Connections, Dispatcher] })
export class ConnectionModule {}
