import { BROKER, type Broker } from '@holdfast/broadcast';
import { Controller, Get, Header, Inject, UseFilters } from '@nestjs/common';
import {
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import { CONFIG, type Config } from '../config/index.js';
import { Connections } from '../connection/connections.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';
import { BrokerMonitor } from '../broker/broker-monitor.js';
import { HealthExceptionFilter } from './health-exception.filter.js';

@Controller('health')
@UseFilters(HealthExceptionFilter)
export class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(BrokerMonitor) private readonly monitor: BrokerMonitor,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
  ) {}

  /** Everything, for people. */
  @Get()
  @Header('Cache-Control', 'no-store')
  all(): Promise<HealthCheckResult> {
    return this.health.check([() => this.stage(), async () => this.brokerDetails(), () => this.node()]);
  }

  /** Answering is enough: an outage of the broker is no reason to restart a pod that holds connections. */
  @Get('live')
  @Header('Cache-Control', 'no-store')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @Header('Cache-Control', 'no-store')
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.stage(), () => this.brokerStatus()]);
  }

  private stage(): HealthIndicatorResult {
    const { stage } = this.lifecycle;
    const indicator = this.indicators.check('gateway');
    return stage === 'ready' ? indicator.up({ stage }) : indicator.down({ stage });
  }

  private brokerStatus(details: object = {}): HealthIndicatorResult {
    const health = this.broker.health();
    const indicator = this.indicators.check('broker');
    // A pod that never had a broker has no clients that could wait for it.
    if (!this.monitor.hasBegun) {
      return indicator.down({
        ...details,
        reason:
          health.status === 'up' ? (this.monitor.problem ?? 'it is up, and its state is being loaded') : health.reason,
      });
    }
    if (health.status === 'up') return indicator.up({ ...details });
    const { reason } = health;
    const outage = { ...details, reason };
    return this.config.health.brokerOutage === 'unready' ? indicator.down(outage) : indicator.degraded(outage);
  }

  /** Also which partitions of a log this pod is behind in: a reason to look, but not to take it out of service. */
  private async brokerDetails(): Promise<HealthIndicatorResult> {
    const { log } = await this.broker.stats();
    const behind = (log?.partitions ?? []).filter(({ isBehind }) => isBehind);
    if (behind.length === 0) return this.brokerStatus();
    return this.brokerStatus({
      behind: behind.map(({ partition, lag }) => ({ partition, seconds: Math.round(lag / 1_000) })),
    });
  }

  private node(): HealthIndicatorResult {
    return this.indicators.check('node').up({ name: this.config.node, connections: this.connections.count });
  }
}
