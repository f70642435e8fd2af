import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '@holdfast/protocol';
import { expect } from 'vitest';
import { eventually } from '../../../../../libs/broadcast/test/support/redis-servers.js';
import type { RedisPod } from './pods.js';

/** ms between two messages of a publisher, and before a retry. */
const PAUSE = 10;

export interface Acknowledged extends Position {
  readonly channel: string;
  readonly text: string;
}

/** Publishes numbered messages through a pod's API, to each channel in turn, and repeats what fails under its key. */
class ApiPublisher {
  readonly acknowledged: Acknowledged[] = [];
  private stopped = false;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly pod: RedisPod,
    private readonly channels: readonly string[],
    private readonly name: string,
  ) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      for (const channel of this.channels) await this.publish(channel, `${this.name} ${this.acknowledged.length + 1}`);
    }
  }

  private async publish(channel: string, text: string): Promise<void> {
    for (;;) {
      const { status, body } = await this.pod.api('publish', { channel, data: text, key: text });
      await sleep(PAUSE);
      if (status !== 200) continue;
      const { epoch, offset } = body as unknown as Position;
      this.acknowledged.push({ channel, epoch, offset, text });
      return;
    }
  }
}

/** Several of them, as one. */
export class Load {
  private readonly publishers: readonly ApiPublisher[];

  /** @param pods of each publisher. */
  constructor(pods: readonly RedisPod[], channels: readonly string[]) {
    this.publishers = pods.map((pod, index) => new ApiPublisher(pod, channels, `p${index + 1}`));
    for (const publisher of this.publishers) publisher.start();
  }

  get count(): number {
    return this.publishers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  }

  /** Resolves when each publisher has had so many more acknowledged. */
  async goesOn(count: number): Promise<void> {
    const before = this.publishers.map(({ acknowledged }) => acknowledged.length);
    await eventually(() => {
      for (const [index, { acknowledged }] of this.publishers.entries()) {
        expect(acknowledged.length).toBeGreaterThanOrEqual((before[index] ?? 0) + count);
      }
    }, 30_000);
  }

  /** @returns what was acknowledged on a channel. */
  async stop(): Promise<(channel: string) => Acknowledged[]> {
    await Promise.all(this.publishers.map((publisher) => publisher.stop()));
    const all = this.publishers.flatMap(({ acknowledged }) => acknowledged);
    return (channel) => all.filter((publish) => publish.channel === channel);
  }
}
