import { BROKER, type Broker, type BrokerHealth } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';

/** ms between two looks. */
const INTERVAL = 500;

/** Looks at the broker for as long as the pod runs: remembers that it was up once, and logs when that changes. */
@Injectable()
export class BrokerMonitor implements OnApplicationShutdown {
  private state: 'unknown' | 'up' | 'down' = 'unknown';
  private begun = false;
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;
  private onUp: () => Promise<void> = async () => {};

  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @InjectPinoLogger(BrokerMonitor.name) private readonly logger: PinoLogger,
  ) {}

  /** Whether the broker was up once, so that this pod can do what it is for. */
  get hasBegun(): boolean {
    return this.begun;
  }

  /**
   * Begins, when the broker was started.
   *
   * @param onUp is called when the broker is up, again after each outage; it counts as down until that has resolved.
   */
  async watch(onUp: () => Promise<void>): Promise<void> {
    this.onUp = onUp;
    // One that connects first is not down yet.
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
        .catch((error: unknown) => this.logger.error({ err: error }, 'the broker could not be looked at'))
        .finally(() => this.lookLater())
        .catch(() => undefined);
    }, INTERVAL);
  }

  private async look(): Promise<void> {
    const health = await this.health();
    if (health.status === this.state) return;
    if (health.status === 'down') {
      const consequence = this.begun ? 'clients stay, and publishes are refused' : 'this pod is not ready';
      this.logger.warn({ reason: health.reason }, `the broker is down: ${consequence}, trying again until it is up`);
    } else if (this.state === 'down') {
      this.logger.info('the broker is up');
    }
    this.state = health.status;
    this.begun ||= health.status === 'up';
  }

  private async health(): Promise<BrokerHealth> {
    const health = this.broker.health();
    if (health.status === 'down' || this.state === 'up') return health;
    try {
      await this.onUp();
      return health;
    } catch (error) {
      return { status: 'down', reason: error instanceof Error ? error.message : 'it does not answer' };
    }
  }
}
