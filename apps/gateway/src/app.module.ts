import { BroadcastModule, createBroker, type BroadcastOptions } from '@holdfast/broadcast';
import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { AdminModule } from './admin/admin.module.js';
import { ApiModule } from './api/api.module.js';
import { capabilityProblems } from './broker/broker-capabilities.js';
import { BrokerModule } from './broker/broker.module.js';
import { BrokerListener } from './broker-listener.js';
import { ChannelsModule } from './channels/channels.module.js';
import { plainSettings } from './channels/plain-messages.js';
import { ConfigError, ConfigModule, type Config } from './config/index.js';
import { DemoModule } from './demo/demo.module.js';
import { EventWebhookModule } from './event-webhook/event-webhook.module.js';
import { HealthModule } from './health/health.module.js';
import { HttpModule } from './http/http.module.js';
import { LifecycleModule } from './lifecycle/lifecycle.module.js';
import { LimitsModule } from './limits/limits.module.js';
import { LoggingModule } from './logging/logging.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { OperationsPageModule, operationsPageProblems } from './operations-page/operations-page.module.js';
import { RpcModule } from './rpc/rpc.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { TracingModule } from './tracing/tracing.module.js';
import { UpgradeModule } from './upgrade/upgrade.module.js';
import { UsersModule } from './users/users.module.js';

@Module({})
export class AppModule {
  /**
   * @param modules your own modules.
   * @param broadcast the broker; by default the configured one.
   * @throws ConfigError if the configuration needs more than the broker can do, or the operations page has no key.
   */
  static forRoot(
    config: Config,
    modules: readonly (Type | DynamicModule)[] = [],
    broadcast: BroadcastOptions = { url: () => config.broker.current },
  ): DynamicModule {
    const broker = 'broker' in broadcast ? broadcast.broker : createBroker(broadcast.url, plainSettings(config));
    const problems = [...capabilityProblems(config, broker.capabilities), ...operationsPageProblems(config)];
    if (problems.length > 0) throw new ConfigError(problems);
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        LoggingModule.forRoot(config),
        { ...BroadcastModule.forRoot({ broker }), global: true },
        MetricsModule,
        TracingModule,
        BrokerModule,
        LimitsModule,
        LifecycleModule,
        HttpModule,
        ChannelsModule,
        EventWebhookModule,
        UpgradeModule,
        SessionsModule,
        RpcModule,
        UsersModule,
        HealthModule,
        ApiModule,
        AdminModule,
        ...(config.demo ? [DemoModule] : []),
        ...(config.operationsPage ? [OperationsPageModule] : []),
        ...modules,
      ],
      providers: [BrokerListener],
    };
  }
}
