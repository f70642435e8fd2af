import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogBroker } from '../../src/log/log-broker.js';
import { NatsAdapter } from '../../src/nats/nats-adapter.js';
import { eventually } from '../../src/testing/eventually.js';
import { Load, Subscriber } from '../../src/testing/load.js';
import { NatsCluster, NatsServer } from '../support/nats-server.js';

const CHANNELS = ['news:1', 'news:2', 'news:3'];

describe('LogBroker on NATS, two pods under load,', () => {
  let close: () => Promise<void>;
  let pods: Subscriber[] = [];
  let load: Load;

  const start = async (server: { readonly url: string; close(): Promise<void> }): Promise<void> => {
    close = async () => server.close();
    const adapter = (): NatsAdapter => new NatsAdapter(() => `${server.url}?partitions=2`);
    pods = [new Subscriber(new LogBroker(adapter())), new Subscriber(new LogBroker(adapter()))];
    await Promise.all(pods.map(async (pod) => pod.start(CHANNELS)));
    load = new Load(pods, CHANNELS);
    load.start();
    await load.flows();
  };
  beforeEach(() => {
    pods = [];
  });
  afterEach(async () => {
    await load.stop();
    await Promise.all(pods.map(async ({ broker }) => broker.close()));
    await close();
  });
  /** Nothing is lost, and nobody receives a gap. */
  const expectNothingLost = async (): Promise<void> => {
    await load.stop();
    await load.check({ lossless: true });
    await eventually(() => {
      for (const { broker } of pods) expect(broker.health()).toEqual({ status: 'up' });
    });
  };

  it('promise 2: lose nothing when the server is killed and comes back with its data', async () => {
    const nats = await NatsServer.start();
    await start(nats);
    for (let kills = 0; kills < 2; kills += 1) {
      await nats.kill();
      await eventually(() => {
        for (const { broker } of pods) expect(broker.health().status).toBe('down');
      });
      await nats.run();
      await load.flows();
    }
    await expectNothingLost();
    for (const { broker } of pods) {
      await eventually(async () => {
        const { reconnects, log } = await broker.stats();
        expect(reconnects).toBeGreaterThanOrEqual(2);
        expect(Object.values(log?.losses ?? {})).toEqual([0, 0, 0, 0, 0, 0]);
        expect(log?.partitions.map(({ unread, isBehind }) => [unread, isBehind])).toEqual([
          [0, false],
          [0, false],
        ]);
      });
    }
  });

  it('promise 2: lose nothing when leaders of a cluster of three servers are killed', async ({ annotate }) => {
    const cluster = await NatsCluster.start();
    await start(cluster);
    for (const stream of ['holdfast-log-0', 'holdfast-log-1']) {
      const leader = await cluster.leaderOf(stream);
      await leader.kill();
      await load.flows(40_000);
      await leader.run();
    }
    await expectNothingLost();
    await load.pauses(annotate);
  });

  it('promise 3: keep their positions when all pods are gone and come back', async () => {
    const nats = await NatsServer.start();
    await start(nats);
    await load.stop();
    const positions = CHANNELS.map((channel) => pods[0]?.position(channel));
    await Promise.all(pods.map(async ({ broker }) => broker.close()));
    const back = new Subscriber(new LogBroker(new NatsAdapter(() => `${nats.url}?partitions=2`)));
    pods = [back];
    await back.start(CHANNELS);
    expect(CHANNELS.map((channel) => back.starts.get(channel))).toEqual(positions);
  });
});
