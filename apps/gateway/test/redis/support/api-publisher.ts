import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '@holdfast/protocol';
import { expect, onTestFinished } from 'vitest';
import { eventually } from '../../../../../libs/broadcast/test/support/redis-servers.js';
import type { PodProcess } from '../../support/pod-process.js';

/** ms between two messages of a publisher, and before a retry. */
const PAUSE = 10;
/** ms between two measurements of the machine's speed. */
const MEASURE_EVERY = 100;

export interface Acknowledged extends Position {
  readonly channel: string;
  readonly text: string;
}

interface FailedPublish {
  readonly ms: number;
  readonly body: Record<string, unknown>;
}

/** Publishes numbered messages through a pod's API, to each channel in turn, and repeats failed ones with their key. */
class ApiPublisher {
  readonly acknowledged: Acknowledged[] = [];
  readonly failures: FailedPublish[] = [];
  private stopped = false;
  private abandoned = false;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly pod: PodProcess,
    private readonly channels: readonly string[],
    private readonly name: string,
    private readonly size: number,
  ) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  /** Stops with what is acknowledged, because the test is over. */
  async abandon(): Promise<void> {
    this.abandoned = true;
    await this.stop();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      for (const channel of this.channels) {
        await this.publish(channel, `${this.name} ${this.acknowledged.length + 1}`);
      }
    }
  }

  private async publish(channel: string, key: string): Promise<void> {
    const text = key.padEnd(this.size);
    while (!this.abandoned) {
      const begun = performance.now();
      const { status, body } = await this.pod.api('publish', { channel, data: text, key });
      if (status === 200) {
        const { epoch, offset } = body as unknown as Position;
        this.acknowledged.push({ channel, epoch, offset, text });
      } else {
        this.failures.push({ ms: performance.now() - begun, body });
      }
      await sleep(PAUSE);
      if (status === 200) return;
    }
  }
}

/** Calls the pods' liveness checks continuously: their delay is the machine's, not the broker's. */
class Latency {
  private slowest = 0;
  private stopped = false;
  private readonly running: Promise<unknown>;

  constructor(pods: readonly PodProcess[]) {
    this.running = Promise.all(pods.map((pod) => this.follow(pod)));
  }

  /** @returns the ms of the slowest response. */
  async stop(): Promise<number> {
    this.stopped = true;
    await this.running;
    return this.slowest;
  }

  private async follow(pod: PodProcess): Promise<void> {
    while (!this.stopped) {
      const begun = performance.now();
      await pod.health('live');
      this.slowest = Math.max(this.slowest, performance.now() - begun);
      await sleep(MEASURE_EVERY);
    }
  }
}

/** Several publishers together. */
export class Load {
  private readonly publishers: readonly ApiPublisher[];
  private readonly latency: Latency;

  /**
   * @param pods of each publisher.
   * @param size the minimum number of characters of each message.
   */
  constructor(pods: readonly PodProcess[], channels: readonly string[], size = 0) {
    this.publishers = pods.map((pod, index) => new ApiPublisher(pod, channels, `p${index + 1}`, size));
    this.latency = new Latency([...new Set(pods)]);
    for (const publisher of this.publishers) publisher.start();
    onTestFinished(async () => {
      await Promise.all([...this.publishers.map((publisher) => publisher.abandon()), this.latency.stop()]);
    });
  }

  get count(): number {
    return this.publishers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  }

  /** Resolves when each publisher has this number of additional acknowledgements. */
  async continues(count: number): Promise<void> {
    const before = this.publishers.map(({ acknowledged }) => acknowledged.length);
    await eventually(() => {
      for (const [index, { acknowledged }] of this.publishers.entries()) {
        expect(acknowledged.length).toBeGreaterThanOrEqual((before[index] ?? 0) + count);
      }
    }, 30_000);
  }

  /**
   * Asserts promise 6: failed publishes failed in time, and can be retried.
   *
   * @returns the acknowledged messages of a channel.
   */
  async stop(): Promise<(channel: string) => Acknowledged[]> {
    await Promise.all(this.publishers.map((publisher) => publisher.stop()));
    const slowest = await this.latency.stop();
    for (const { ms, body } of this.publishers.flatMap(({ failures }) => failures)) {
      expect(body).toMatchObject({ code: expect.stringMatching(/^(unavailable|unknown)$/), retryable: true });
      expect(ms).toBeLessThan(2_000 + slowest);
    }
    const all = this.publishers.flatMap(({ acknowledged }) => acknowledged);
    return (channel) => all.filter((publish) => publish.channel === channel);
  }
}
