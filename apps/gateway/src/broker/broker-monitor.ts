import { BROKER, type Broker, type BrokerHealth } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { capabilityProblems } from './broker-capabilities.js';
import { EventLog } from '../logging/event-log.js';

/** ms between two checks. */
const INTERVAL = 500;

/** @property at when it began, in ms since the Unix epoch. */
export interface Outage {
  readonly reason: string;
  readonly at: number;
}

/** Watches the broker for as long as the pod runs. Remembers whether it was ever up, and logs each change. */
@Injectable()
export class BrokerMonitor implements OnApplicationShutdown {
  private state: 'unknown' | 'up' | 'down' = 'unknown';
  private begun = false;
  private unusable: string | undefined;
  private latestOutage: Outage | undefined;
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;
  private onUp: () => Promise<void> = async () => {};

  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(EventLog) private readonly log: EventLog,
  ) {}

  /** Whether the broker was ever up. Until then this pod cannot serve anybody. */
  get hasBegun(): boolean {
    return this.begun;
  }

  /** Whether it was up when it was checked last, and could be used. */
  get isUp(): boolean {
    return this.state === 'up';
  }

  /** Why a broker that is up cannot be used; undefined if it can. */
  get problem(): string | undefined {
    return this.unusable;
  }

  /** The latest outage, which may be over; undefined if there was none. */
  get lastOutage(): Outage | undefined {
    return this.latestOutage;
  }

  /**
   * Starts to watch. Call it after the broker was started.
   *
   * @param onUp is called each time the broker comes up. The broker counts as down until it has resolved.
   */
  async watch(onUp: () => Promise<void>): Promise<void> {
    this.onUp = onUp;
    // A broker that is still connecting is not down yet.
    if (this.broker.health().status === 'up') await this.look();
    this.lookLater();
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private lookLater(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.look()
        .catch((error: unknown) => this.log.write('broker.check_failed', { err: error }))
        .finally(() => this.lookLater())
        .catch(() => undefined);
    }, INTERVAL);
  }

  private async look(): Promise<void> {
    const health = await this.health();
    if (health.status === this.state) return;
    if (health.status === 'down') {
      this.latestOutage = { reason: health.reason, at: Date.now() };
      const consequence = this.begun ? 'clients stay connected and publishes are refused' : 'this pod is not ready';
      this.log.write('broker.down', { reason: health.reason, consequence });
    } else if (this.state === 'down') {
      this.log.write('broker.up');
    }
    this.state = health.status;
    this.begun ||= health.status === 'up';
  }

  private async health(): Promise<BrokerHealth> {
    const health = this.broker.health();
    if (health.status === 'down' || this.state === 'up') return health;
    // Some brokers know their limits only after they have connected.
    this.unusable = capabilityProblems(this.config, this.broker.capabilities).join('; ') || undefined;
    if (this.unusable !== undefined) return { status: 'down', reason: this.unusable };
    try {
      await this.onUp();
      return health;
    } catch (error) {
      return { status: 'down', reason: error instanceof Error ? error.message : 'it does not answer' };
    }
  }
}
