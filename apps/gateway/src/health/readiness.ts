import { BROKER, type Broker } from '@holdfast/broadcast';
import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { BrokerMonitor } from '../broker/broker-monitor.js';
import { CONFIG, type Config } from '../config/index.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';

/** Whether this pod should get clients, and why not. */
@Injectable()
export class Readiness {
  constructor(
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(BrokerMonitor) private readonly monitor: BrokerMonitor,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
  ) {}

  /** Why this pod is not ready; nothing if it is. */
  problems(): string[] {
    const { gateway } = this.stage();
    const { broker } = this.brokerStatus();
    return [
      ...(gateway?.status === 'down' ? [`gateway: ${this.lifecycle.stage}`] : []),
      ...(broker?.status === 'down' ? [`broker: ${String(broker['reason'])}`] : []),
    ];
  }

  stage(): HealthIndicatorResult {
    const { stage } = this.lifecycle;
    const indicator = this.indicators.check('gateway');
    return stage === 'ready' ? indicator.up({ stage }) : indicator.down({ stage });
  }

  brokerStatus(details: object = {}): HealthIndicatorResult {
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
}
