import { BROKER, BrokerUnavailableError, KeyConflictError, type Broker } from '@holdfast/broadcast';
import { errorData } from '@holdfast/protocol';
import { describe, expect, it, vi } from 'vitest';
import { Lifecycle, type Stage } from '../src/lifecycle/lifecycle.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { metric } from './support/metric.js';

const PATHS = ['/health', '/health/live', '/health/ready'] as const;

async function health({ url }: TestGateway, path: (typeof PATHS)[number]) {
  const answer = await fetch(`${url}${path}`);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  return { status: answer.status, body: (await answer.json()) as { status: string; details: unknown } };
}

function breakBroker({ app }: TestGateway): void {
  vi.spyOn(app.get<Broker>(BROKER), 'health').mockReturnValue({ status: 'down', reason: 'the connection was lost' });
}

describe('/health', () => {
  it('returns everything, for people', async () => {
    const sut = await startGateway();
    await sut.connect();
    expect(await health(sut, '/health')).toMatchObject({
      status: 200,
      body: {
        status: 'ok',
        details: {
          gateway: { status: 'up', stage: 'ready' },
          broker: { status: 'up' },
          node: { name: 'test-node', connections: 1 },
        },
      },
    });
  });

  it.each<[Stage, number]>([
    ['starting', 503],
    ['ready', 200],
    ['settling', 503],
    ['draining', 503],
  ])('while %s has status %i for ready, and 200 for live', async (stage, status) => {
    const sut = await startGateway();
    sut.app.get(Lifecycle).stage = stage;
    const ready = await health(sut, '/health/ready');
    expect(ready.status).toBe(status);
    expect(ready.body.details).toMatchObject({ gateway: { stage }, broker: { status: 'up' } });
    expect(await health(sut, '/health/live')).toEqual({ status: 200, body: { status: 'ok' } });
  });

  it('promise 6: a broker outage is reported as degraded, and does not take the pod out of service', async () => {
    const sut = await startGateway();
    breakBroker(sut);
    for (const path of ['/health', '/health/ready'] as const) {
      const { status, body } = await health(sut, path);
      expect(status).toBe(200);
      expect(body.details).toMatchObject({ broker: { status: 'degraded', reason: 'the connection was lost' } });
    }
    expect(await health(sut, '/health/live')).toEqual({ status: 200, body: { status: 'ok' } });
  });

  it('becomes unready in a broker outage if so configured, but stays live', async () => {
    const sut = await startGateway({ health: { brokerOutage: 'unready' } });
    breakBroker(sut);
    const { status, body } = await health(sut, '/health/ready');
    expect(status).toBe(503);
    expect(body.details).toMatchObject({ broker: { status: 'down', reason: 'the connection was lost' } });
    expect((await health(sut, '/health/live')).status).toBe(200);
  });
});

describe('/metrics', () => {
  it('is available only on the management port', async () => {
    const sut = await startGateway();
    const answer = await fetch(`${sut.managementUrl}/metrics?from=prometheus`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect((await fetch(`${sut.url}/metrics`)).status).toBe(404);
    const elsewhere = await fetch(`${sut.managementUrl}/elsewhere`);
    expect(elsewhere.status).toBe(404);
    expect(await elsewhere.json()).toEqual(errorData('not_found', 'the metrics are at /metrics'));
  });

  it('counts connections, subscriptions, channels and messages, and no longer those of clients that left', async () => {
    const sut = await startGateway();
    const [ann, bob] = [await sut.connect(), await sut.connect()];
    for (const client of [ann, bob]) await client.subscribe('chat:a');
    await bob.subscribe('chat:b');
    for (const data of [1, 2, 3]) await ann.publish('chat:a', data);
    await bob.messages('chat:a', 3);
    const expected = {
      holdfast_connections: 2,
      holdfast_subscriptions: 3,
      holdfast_channels: 2,
      holdfast_frames_in_total: 6,
      holdfast_published_total: 3,
      holdfast_messages_out_total: 6,
      holdfast_publish_seconds_count: 3,
      holdfast_delivery_seconds_count: 3,
    };
    for (const [name, value] of Object.entries(expected)) {
      await expect.poll(() => metric(sut, name), { message: name }).toBe(value);
    }
    for (const client of [ann, bob]) await client.close();
    for (const name of ['holdfast_connections', 'holdfast_subscriptions', 'holdfast_channels']) {
      await vi.waitFor(async () => expect(await metric(sut, name), name).toBe(0));
    }
  });

  it('counts publishes that fail because of the broker, and not those that are mistakes', async () => {
    const sut = await startGateway();
    const client = await sut.connect();
    const failures = (code: string): Promise<number | undefined> =>
      metric(sut, `holdfast_publish_failures_total{code="${code}"}`);
    expect([await failures('unavailable'), await failures('unknown'), await failures('internal')]).toEqual([0, 0, 0]);
    const publish = vi.spyOn(sut.app.get<Broker>(BROKER), 'publish');
    publish.mockRejectedValueOnce(new BrokerUnavailableError('no server'));
    await expect(client.publish('chat:a', 1)).rejects.toMatchObject({ code: 'unavailable' });
    publish.mockRejectedValueOnce(new Error('a bug'));
    await expect(client.publish('chat:a', 1)).rejects.toMatchObject({ code: 'internal' });
    publish.mockRejectedValueOnce(new KeyConflictError());
    await expect(client.publish('chat:a', 1)).rejects.toMatchObject({ code: 'key_conflict' });
    await client.publish('chat:a', 1);
    expect([await failures('unavailable'), await failures('unknown'), await failures('internal')]).toEqual([1, 0, 1]);
    expect(await failures('key_conflict')).toBeUndefined();
    expect(await metric(sut, 'holdfast_published_total')).toBe(1);
  });

  it('contains the event loop delay and the resources of the process', async () => {
    const sut = await startGateway();
    expect(await metric(sut, 'nodejs_eventloop_lag_p99_seconds')).toEqual(expect.any(Number));
    await expect.poll(() => metric(sut, 'process_resident_memory_bytes')).toBeGreaterThan(0);
  });

  it('contains no channel and no user', async () => {
    const sut = await startGateway();
    const client = await sut.connect();
    await client.subscribe('chat:a-channel-of-a-name');
    await client.publish('chat:a-channel-of-a-name', 1);
    await client.refusal({ event: 'an event of a name', id: 1 });
    const text = await (await fetch(`${sut.managementUrl}/metrics`)).text();
    expect(text).not.toContain('of a name');
    expect(text).not.toContain('a-channel');
  });
});
