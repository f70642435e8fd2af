import { FaultyProxy } from '../../../../../libs/broadcast/test/support/faulty-proxy.js';
import { cutMessages } from '../../../../../libs/broadcast/test/support/jetstream-file.js';
import { NatsServer } from '../../../../../libs/broadcast/test/support/nats-server.js';
import { TEXT } from '../load.ts';
import type { Fault } from './fault.ts';

const QUERY = '?partitions=2';

/** Messages that are lost. */
const TAIL = 20;

/** s */
const AHEAD = 45;
/** What shifts the clock of a process: a machine has only one. */
const CLOCK = new URL('shifted-clock.ts', import.meta.url).href;

export const NATS_FAULTS: readonly Fault[] = [
  {
    name: 'truncated',
    broker: 'NATS',
    what: `The server is killed, has lost the latest ${TAIL} entries of each partition, and starts again`,
    fires: ['HoldfastBrokerLogLoss'],
    async prepare(defer) {
      const nats = await NatsServer.start();
      defer(async () => nats.close());
      return {
        brokers: [nats.url + QUERY, nats.url + QUERY],
        async begin() {
          await nats.kill();
          for (const partition of [0, 1]) await cutMessages(nats.store, `holdfast-log-${partition}`, TAIL);
          await nats.run();
        },
        end: async () => undefined,
      };
    },
  },
  {
    name: 'digests',
    broker: 'NATS',
    what: 'One byte of an entry changes on the way from the server to one of two pods',
    fires: ['HoldfastBrokerDigestsDiffer', 'HoldfastBrokerLogLoss'],
    async prepare(defer, release) {
      const nats = await NatsServer.start();
      const proxy = await FaultyProxy.start(nats.port);
      defer(async () => {
        await proxy.close();
        await nats.close();
      });
      return {
        brokers: [nats.url + QUERY, `nats://${proxy.address}${QUERY}`],
        load: { api: release.pod(0).address },
        async begin() {
          proxy.transform = (data) => {
            const at = data.indexOf(TEXT);
            if (at === -1) return data;
            proxy.transform = (whole) => whole;
            const changed = Buffer.from(data);
            changed[at] = 'U'.charCodeAt(0);
            return changed;
          };
        },
        end: async () => undefined,
      };
    },
  },
  {
    name: 'behind',
    broker: 'NATS',
    what: `One of two pods is replaced by one whose clock is ${AHEAD} s ahead`,
    fires: ['HoldfastBrokerBehind'],
    async prepare(defer, release) {
      const nats = await NatsServer.start();
      defer(async () => nats.close());
      return {
        brokers: [nats.url + QUERY, nats.url + QUERY],
        load: { api: release.pod(0).address },
        // Clients of the pod that stops move to both of the others.
        async begin() {
          await release.start(2, { NODE_OPTIONS: `--import=${CLOCK}`, CLOCK_AHEAD: String(AHEAD) });
          await release.pod(1).stop();
        },
        async end() {
          await release.start(1);
          await release.pod(2).stop();
        },
      };
    },
  },
];
