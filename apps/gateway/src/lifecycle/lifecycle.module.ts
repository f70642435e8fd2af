import { Module } from '@nestjs/common';
import { ConnectionModule } from '../connection/connection.module.js';
import { HttpModule } from '../http/http.module.js';
import { Drain } from './drain.js';
import { Lifecycle } from './lifecycle.js';

@Module({ imports: [ConnectionModule, HttpModule], providers: [Drain, Lifecycle], exports: [Lifecycle] })
export class LifecycleModule {}
