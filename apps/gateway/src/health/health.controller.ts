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
import { HealthExceptionFilter } from './health-exception.filter.js';
import { Readiness } from './readiness.js';

@Controller('health')
@UseFilters(HealthExceptionFilter)
export class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Connections) private readonly connections: Connections,
  ) {}

  /** Everything, for people. */
  @Get()
  @Header('Cache-Control', 'no-store')
  all(): Promise<HealthCheckResult> {
    return this.health.check([() => this.readiness.stage(), async () => this.brokerDetails(), () => this.node()]);
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
    return this.health.check([() => this.readiness.stage(), () => this.readiness.brokerStatus()]);
  }

  /** Also which partitions of a log this pod is behind in: a reason to look, but not to take it out of service. */
  private async brokerDetails(): Promise<HealthIndicatorResult> {
    const { log } = await this.broker.stats();
    const behind = (log?.partitions ?? []).filter(({ isBehind }) => isBehind);
    if (behind.length === 0) return this.readiness.brokerStatus();
    return this.readiness.brokerStatus({
      behind: behind.map(({ partition, lag }) => ({ partition, seconds: Math.round(lag / 1_000) })),
    });
  }

  private node(): HealthIndicatorResult {
    return this.indicators.check('node').up({ name: this.config.node, connections: this.connections.count });
  }
}
