import { FaultyProxy } from '../../../../../libs/broadcast/test/support/faulty-proxy.js';
import { cutMessages } from '../../../../../libs/broadcast/test/support/jetstream-file.js';
import { NatsServer } from '../../../../../libs/broadcast/test/support/nats-server.js';
import { TEXT } from '../load.ts';
import type { Fault } from './fault.ts';
import { ThrottledProxy } from './throttled-proxy.ts';

const QUERY = '?partitions=1&window=60';
/** What the shortest window allows. */
const CONFIG = { keyWindow: 60, namespaceDefaults: { history: { size: 1_000, ttl: 60 } } };

/** Messages that are lost. */
const TAIL = 20;

/** Bytes of a message, and of the server's limit. A part of a snapshot has 64 KiB. */
const LARGE = 3_000;
const MAX_PAYLOAD = 16_000;

/** Bytes per second: less than is published. */
const NARROW = 15_000;

export const NATS_FAULTS: readonly Fault[] = [
  {
    name: 'truncated',
    broker: 'NATS',
    what: `The server is killed, has lost its latest ${TAIL} entries, and starts again`,
    fires: ['HoldfastBrokerLogLoss'],
    async prepare(defer) {
      const nats = await NatsServer.start();
      defer(async () => nats.close());
      return {
        brokers: [nats.url + QUERY, nats.url + QUERY],
        config: CONFIG,
        async begin() {
          await nats.kill();
          await cutMessages(nats.store, 'holdfast-log-0', TAIL);
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
        config: CONFIG,
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
    name: 'snapshots',
    broker: 'NATS',
    what: `The server's \`max_payload\` is reduced to ${MAX_PAYLOAD.toLocaleString('en')} bytes while the pods run`,
    fires: ['HoldfastBrokerSnapshotOld'],
    async prepare(defer) {
      const nats = await NatsServer.start();
      defer(async () => nats.close());
      return {
        brokers: [nats.url + QUERY, nats.url + QUERY],
        config: CONFIG,
        load: { size: LARGE },
        async begin() {
          await nats.configure(`max_payload: ${MAX_PAYLOAD}`);
          nats.signal('SIGHUP');
        },
        async end() {
          await nats.configure('');
          nats.signal('SIGHUP');
        },
      };
    },
  },
  {
    name: 'behind',
    broker: 'NATS',
    what: 'The network to one of two pods has less bandwidth than the messages need',
    fires: ['HoldfastBrokerBehind', 'HoldfastDeliveryBudgetBurn fast', 'HoldfastDeliveryBudgetBurn slow'],
    async prepare(defer, release) {
      const nats = await NatsServer.start();
      const proxy = await ThrottledProxy.start(nats.port);
      defer(async () => {
        await proxy.close();
        await nats.close();
      });
      return {
        brokers: [`${nats.url}?partitions=1`, `nats://${proxy.address}?partitions=1`],
        load: { api: release.pod(0).address, size: LARGE },
        async begin() {
          proxy.limit = NARROW;
        },
        async end() {
          proxy.limit = undefined;
        },
      };
    },
  },
];
