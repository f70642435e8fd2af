import type { Case } from './case.ts';
import { DELIVERY_METRICS, measureDelivery, SATURATION_METRIC } from './delivery.ts';

const CHANNEL = 'ticker:all';

export const hot: Case = {
  name: 'hot',
  title: 'hot channel, 1,000 messages/s × 200 subscribers',
  servers: [
    'holdfast',
    'ws',
    'nest',
    'socket.io',
    'centrifuge',
    'centrifuge-merging',
    'floor',
    'bun',
    'holdfast-on-bun',
  ],
  metrics: [...DELIVERY_METRICS, SATURATION_METRIC],
  targets: [
    { metric: 'cpu', of: 'centrifuge', bound: 0.3 },
    { metric: 'cpu', of: 'centrifuge', bound: 0.2, stretch: true },
    { metric: 'throughput', of: 'ws', bound: 1 },
    { metric: 'throughput', of: 'nest', bound: 1 },
    { metric: 'throughput', of: 'socket.io', bound: 1 },
    { metric: 'throughput', of: 'centrifuge', bound: 1 },
    { metric: 'throughput', of: 'centrifuge-merging', bound: 1, stretch: true },
  ],
  quick: ['holdfast', 'centrifuge'],
  run: (server, scale) =>
    measureDelivery(
      server,
      { subscribers: 200, channelsOf: () => [CHANNEL], channelOf: () => CHANNEL, rate: 1_000, window: 256 },
      scale,
    ),
};
