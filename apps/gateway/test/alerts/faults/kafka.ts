import { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka';
import { KafkaServer } from '../../../../../libs/broadcast/test/support/kafka-server.js';
import type { Fault } from './fault.ts';

const TOPIC = 'alerts';

/** Bytes of a message, and of what the topic accepts later. A part of a snapshot has 64 KiB. */
const LARGE = 3_000;
const MAX_MESSAGE = 16_000;

export const KAFKA_FAULTS: readonly Fault[] = [
  {
    name: 'snapshots',
    broker: 'Kafka',
    what: `The topic's \`max.message.bytes\` is reduced to ${MAX_MESSAGE.toLocaleString('en')} while the pods run`,
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
      const url = kafka.url(TOPIC, { partitions: '1', window: '60' });
      return {
        brokers: [url, url],
        config: { keyWindow: 60, namespaceDefaults: { history: { size: 1_000, ttl: 60 } } },
        load: { size: LARGE },
        begin: async () => limit(MAX_MESSAGE),
        end: async () => limit(1_000_000),
      };
    },
  },
];
