import { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka';
import { KafkaServer } from '../../../../../libs/broadcast/test/support/kafka-server.js';
import type { Fault } from './fault.ts';

const TOPIC = 'alerts';

/** Bytes of what the topic accepts later: enough for the messages, but not for a snapshot, which has the keys of a minute. */
const MAX_MESSAGE = 2_000;

export const KAFKA_FAULTS: readonly Fault[] = [
  {
    name: 'snapshots',
    broker: 'Kafka',
    what: `The topic's \`max.message.bytes\` is reduced to ${MAX_MESSAGE.toLocaleString('en')} bytes while the pods run`,
    fires: ['HoldfastBrokerSnapshotOld'],
    async prepare(defer) {
      const kafka = await KafkaServer.start();
      defer(async () => kafka.close());
      const limit = async (bytes: number): Promise<void> => {
        const config = {
          name: 'max.message.bytes',
          configOperation: IncrementalAlterConfigOperationTypes.SET,
          value: String(bytes),
        };
        const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: TOPIC, configs: [config] };
        await kafka.manage(async (admin) => admin.incrementalAlterConfigs({ resources: [resource] }));
      };
      const url = kafka.url(TOPIC, { partitions: '8', window: '60' });
      return {
        brokers: [url, url],
        // What the shortest window allows.
        config: { keyWindow: 60, namespaceDefaults: { history: { ttl: 60 } } },
        load: { keys: true },
        begin: async () => limit(MAX_MESSAGE),
        end: async () => limit(1_000_000),
      };
    },
  },
];
