import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamAPI } from '@nats-io/jetstream';
import { LogBroker } from '../../src/log/log-broker.js';
import { NatsAdapter } from '../../src/nats/nats-adapter.js';
import { BRIEF_LEASE, BRIEF_LEASES } from '../../src/testing/brief-lease.js';
import {
  describeBrokerFaults,
  describeLogBrokerFaults,
  type FaultyLogServer,
  type FaultyServer,
} from '../../src/testing/index.js';
import { cutMessages } from '../support/jetstream-file.js';
import { NatsServer } from '../support/nats-server.js';
import { SilentProxy } from '../support/silent-proxy.js';

const PARTITIONS = [0, 1];
/** Messages of each partition that are lost. */
const TAIL = 20;

async function open(): Promise<FaultyServer & FaultyLogServer> {
  const nats = await NatsServer.start();
  const proxy = await SilentProxy.start(nats.port);
  const url = `nats://127.0.0.1:${new URL(proxy.url).port}?partitions=${PARTITIONS.length}`;
  const onStreams = async (change: (streams: StreamAPI, name: string) => Promise<unknown>): Promise<void> =>
    nats.manage(async ({ streams }) => {
      for (const partition of PARTITIONS) await change(streams, `holdfast-log-${partition}`);
    });
  return {
    connect: () => new LogBroker(new NatsAdapter(() => url), BRIEF_LEASES),
    cut: async () => proxy.restore(),
    hang: async (duration) => {
      await nats.hang();
      await sleep(duration);
      nats.resume();
    },
    restartEmpty: async () => {
      await nats.kill();
      await nats.removeData();
      await nats.run();
    },
    loseTail: async () => {
      await nats.kill();
      for (const partition of PARTITIONS) await cutMessages(nats.store, `holdfast-log-${partition}`, TAIL);
      await nats.run();
    },
    silence: () => proxy.silence(),
    restore: () => proxy.restore(),
    kill: async () => nats.kill(),
    run: async () => nats.run(),
    deleteLog: async () => onStreams(async (streams, name) => streams.delete(name)),
    purge: async () => onStreams(async (streams, name) => streams.purge(name)),
    close: async () => {
      await proxy.close();
      await nats.close();
    },
  };
}

describeBrokerFaults('LogBroker on a NATS server', BRIEF_LEASE, open);
describeLogBrokerFaults('LogBroker on a NATS server', open);
