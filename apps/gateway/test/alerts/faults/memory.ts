import { publish } from '../load.ts';
import { Repeated, type Fault } from './fault.ts';

export const MEMORY_FAULTS: readonly Fault[] = [
  {
    name: 'full',
    broker: 'memory',
    what: 'Messages are published faster than the histories may keep them',
    fires: [
      'HoldfastBrokerDown',
      'HoldfastBrokerHistoryFull',
      'HoldfastPublishBudgetBurn fast',
      'HoldfastPublishBudgetBurn slow',
    ],
    async prepare(defer) {
      const filling = new Repeated();
      defer(async () => filling.stop());
      return {
        brokers: [undefined],
        config: { namespaceDefaults: { history: { size: 10_000, ttl: 60 } } },
        env: { NODE_OPTIONS: '--max-old-space-size=96' },
        async begin({ service }) {
          const url = `http://${service.address}/api/publish`;
          const message = { channel: 'full:1', data: 'x'.repeat(50_000) };
          const fill = async (): Promise<unknown> => publish(url, message).catch(() => undefined);
          filling.start(50, async () => Promise.all([fill(), fill(), fill(), fill()]));
        },
        end: async () => filling.stop(),
      };
    },
  },
];
