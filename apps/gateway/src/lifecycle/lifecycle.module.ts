import { Module } from '@nestjs/common';
import { ConnectionModule } from '../connection/connection.module.js';
import { HttpModule } from '../http/http.module.js';
import { Drain } from './drain.js';
import { DrainReports } from './drain-reports.js';
import { Lifecycle } from './lifecycle.js';

@Module({
  imports: [ConnectionModule, HttpModule],
  providers: [Drain, DrainReports, Lifecycle],
  exports: [DrainReports, Lifecycle],
})
export class LifecycleModule {}
