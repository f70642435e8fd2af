import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../../../libs/broadcast/test/support/free-port.js';
import { eventually } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { startRedis } from './support/redis.js';
import { configFile, PodProcess } from '../support/pod-process.js';

/** Clients and requests during an outage, in rounds. */
const ROUNDS = 10;
const PER_ROUND = 25;

/** Lines at level `info` and above. */
const MAX_LINES = 6;

function linesOf(sut: PodProcess): string[] {
  return sut.process.output().trim().split('\n');
}

describe('the log during an outage of a shared dependency', () => {
  it('has one line when Redis goes down and one when it is back, however many clients connect, leave and send requests', async () => {
    const redis = await startRedis();
    const management = await freePort();
    const many = { burst: 100_000, perSecond: 100_000 };
    const sut = await PodProcess.start(redis.url, 'pod', {
      NODE_ENV: 'production',
      HOLDFAST_MANAGEMENT_PORT: String(management),
      HOLDFAST_CONFIG: await configFile({ limits: { connectionRate: { perPod: many }, apiRequests: many } }),
    });
    await redis.kill();
    await eventually(async () => expect((await sut.health('ready')).broker).toMatchObject({ status: 'degraded' }));
    const before = linesOf(sut).length;
    let connections = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all(
        Array.from({ length: PER_ROUND }, async () => {
          connections += 1;
          const client = await sut.connect({ sub: `user ${connections}` });
          await client.refusal({ event: 'subscribe', id: 'a', data: { channel: 'chat:lobby' } });
          expect((await sut.api('publish', { channel: 'chat:lobby', data: 1 })).status).toBe(503);
          await client.close();
        }),
      );
    }
    await eventually(async () => {
      const metrics = await (await fetch(`http://127.0.0.1:${management}/metrics`)).text();
      // Every client has connected and left.
      expect(metrics).toContain(`holdfast_registry_updates_failed_total ${2 * connections}`);
    });
    await redis.run();
    await eventually(() => expect(sut.process.output()).toContain('the broker is up'));
    const lines = linesOf(sut).slice(before);
    expect(lines.length, lines.join('\n')).toBeLessThanOrEqual(MAX_LINES);
    expect(sut.process.output()).not.toContain('"stack"');
  });

  it('has one line when a webhook or a key set fails, however many events are lost and tokens refused', async () => {
    const webhook = createServer((_, response) => response.writeHead(500).end()).listen(0, '127.0.0.1');
    await once(webhook, 'listening');
    onTestFinished(() => void webhook.close());
    const { port } = webhook.address() as { port: number };
    const url = `http://127.0.0.1:${port}/`;
    const sut = await PodProcess.start(undefined, 'pod', {
      NODE_ENV: 'production',
      HOLDFAST_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
      HOLDFAST_EVENTS_URL: url,
      HOLDFAST_AUTHORIZATION_URL: url,
      HOLDFAST_CONFIG: await configFile({
        webhooks: { events: { maxBatch: 1, retryFor: 0, maxDelay: 0 }, authorization: { actions: ['subscribe'] } },
      }),
    });
    const before = linesOf(sut).length;
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all(
        Array.from({ length: 5 }, async (_, index) => {
          const client = await sut.connect({ sub: `user ${round} ${index}` });
          await client.refusal({ event: 'subscribe', id: 'a', data: { channel: `secret:${round}.${index}` } });
          await client.close();
        }),
      );
    }
    const lines = linesOf(sut).slice(before);
    expect(lines.length, lines.join('\n')).toBeLessThanOrEqual(MAX_LINES);
    expect(lines.join('\n')).toContain('the event webhook failed');
  });
});
