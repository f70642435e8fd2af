import { Holdfast } from '@holdfast/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { startRedis } from './support/redis.js';
import { configFile, PodProcess } from '../support/pod-process.js';

const CHANNEL = 'chat:lobby';
const PASSWORD = 'a-password-that-must-stay-secret';

/** The outcome of a publish, and the ms that it took. */
async function timed<T>(publish: () => Promise<T>): Promise<{ outcome: T; ms: number }> {
  const begun = performance.now();
  return { outcome: await publish(), ms: performance.now() - begun };
}

describe('an outage of Redis', () => {
  it('at the start leaves the pod live but not ready, is logged, and the pod becomes ready when it is over', async () => {
    const redis = await startRedis([`requirepass ${PASSWORD}`]);
    await redis.kill();
    const url = `redis://:${PASSWORD}@127.0.0.1:${redis.port}`;
    const sut = await PodProcess.run(url, 'early');

    await eventually(async () => expect((await sut.health('live')).status).toBe(200));
    await eventually(() => expect(sut.process.output()).toMatch(/broker is down: .* not ready; trying again/));
    const unready = await sut.health('ready');
    expect(unready).toMatchObject({
      status: 503,
      broker: { status: 'down', reason: expect.stringContaining('ECONNREFUSED') },
    });
    expect((await sut.api('publish', { channel: CHANNEL, data: 1 })).body).toMatchObject({ code: 'unavailable' });
    expect(JSON.stringify(unready) + sut.process.output()).not.toContain(PASSWORD);

    await redis.run();
    await eventually(async () => expect(await sut.health('ready')).toMatchObject({ status: 200 }), 5_000);
    await eventually(() => expect(sut.process.output()).toContain('the broker is up'));
    const client = await sut.connect();
    await client.subscribe(CHANNEL);
    await client.publish(CHANNEL, 'hello');
    await client.messages(CHANNEL, 1);
    expect(sut.process.output()).not.toContain(PASSWORD);
  });

  it('promise 6: leaves sockets open, lets publishes fail within 2 s with a retryable code, and ends with a full recovery', async ({
    annotate,
  }) => {
    const redis = await startRedis();
    const sut = await PodProcess.start(redis.url, 'pod');
    const client = await sut.connect({ sub: 'alice' });
    const { epoch } = await client.subscribe(CHANNEL);
    await client.publish(CHANNEL, 'before');

    await redis.kill();
    // A publish in progress at this moment may have been stored; it gets an answer as well.
    const atOnce = await timed(() =>
      client.refusal({ event: 'publish', id: 'a', data: { channel: CHANNEL, data: 0 } }),
    );
    expect(atOnce.outcome).toMatchObject({ code: expect.stringMatching(/^(unavailable|unknown)$/), retryable: true });
    expect(atOnce.ms).toBeLessThan(2_000);
    await eventually(async () =>
      expect(await sut.health('ready')).toMatchObject({ status: 200, broker: { status: 'degraded' } }),
    );
    const overWebSocket = await timed(() =>
      client.refusal({ event: 'publish', id: 'b', data: { channel: CHANNEL, data: 0 } }),
    );
    expect(overWebSocket.outcome).toMatchObject({ code: 'unavailable', retryable: true });
    const overHttp = await timed(() => sut.api('publish', { channel: CHANNEL, data: 0 }));
    expect(overHttp.outcome).toMatchObject({ status: 503, body: { code: 'unavailable', retryable: true } });
    const longest = Math.max(overWebSocket.ms, overHttp.ms);
    expect(longest).toBeLessThan(2_000);
    expect((await sut.health('live')).status).toBe(200);
    expect(await client.request('ping')).toEqual({});

    await redis.run();
    const back = await timed(() => eventually(() => client.publish(CHANNEL, 'after')));
    expect(back.outcome.epoch).not.toBe(epoch);
    await annotate(`refused within ${Math.round(longest)} ms, back ${Math.round(back.ms)} ms after Redis`);
    await eventually(() => expect(client.of('message').at(-1)?.data).toMatchObject({ data: 'after' }));
    // Lost data in Redis is reported before anything new.
    expect(client.frames.findIndex(({ event }) => event === 'gap')).toBeGreaterThan(0);
    expect(client.frames.findIndex(({ event }) => event === 'gap')).toBeLessThan(
      client.frames.findIndex(({ data }) => data['data'] === 'after'),
    );
    await eventually(async () => expect((await sut.health('ready')).broker).toEqual({ status: 'up' }));
    await eventually(async () =>
      expect((await sut.api('users/alice/connections')).body['connections']).toHaveLength(1),
    );
  });

  it('promise 6: only delays subscribes and publishes of the client library, which complete when it is over', async () => {
    const redis = await startRedis();
    const sut = await PodProcess.start(redis.url, 'pod');
    await redis.kill();
    await eventually(async () => expect((await sut.health('ready')).broker).toMatchObject({ status: 'degraded' }));
    const client = new Holdfast(sut.webSocketUrl);
    onTestFinished(() => client.close());
    const messages: unknown[] = [];
    const failures: string[] = [];
    client.on('error', ({ code }) => failures.push(code));
    const { ready } = client.subscribe(
      CHANNEL,
      { message: ({ data }) => messages.push(data), gap: () => messages.push('gap') },
      { presence: true },
    );
    const published = client.publish('chat:elsewhere', 'hello');
    await eventually(() => expect(failures).toContain('unavailable'));

    await redis.run();
    await Promise.all([ready, published]);
    await client.publish(CHANNEL, 'hello');
    await eventually(() => expect(messages).toEqual(['hello']));
    expect((await sut.api('channels/chat:elsewhere/history')).body['publications']).toMatchObject([{ data: 'hello' }]);
    expect((await sut.api(`channels/${CHANNEL}/presence`)).body).toMatchObject({ count: 1 });
  });

  it('takes the pod out of service if so configured, but closes no socket', async () => {
    const redis = await startRedis();
    const HOLDFAST_CONFIG = await configFile({ health: { brokerOutage: 'unready' } });
    const sut = await PodProcess.start(redis.url, 'pod', { HOLDFAST_CONFIG });
    const client = await sut.connect();
    await redis.kill();
    await eventually(async () => expect(await sut.health('ready')).toMatchObject({ status: 503 }));
    expect((await sut.health('live')).status).toBe(200);
    expect(await client.request('ping')).toEqual({});
    await redis.run();
    await eventually(async () => expect((await sut.health('ready')).status).toBe(200));
  });
});
