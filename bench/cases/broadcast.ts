import type { Case } from './case.ts';
import { DELIVERY_METRICS, measureDelivery, SATURATION_METRIC } from './delivery.ts';

const CHANNEL = 'news:all';

export const broadcast: Case = {
  name: 'broadcast',
  title: '1 message × 1,000 subscribers, 50/s',
  servers: ['holdfast', 'ws', 'nest', 'socket.io', 'centrifuge', 'floor', 'bun', 'holdfast-on-bun'],
  metrics: [...DELIVERY_METRICS, SATURATION_METRIC],
  targets: [
    { metric: 'cpu', of: 'ws', bound: 0.75 },
    { metric: 'cpu', of: 'centrifuge', bound: 0.5 },
    { metric: 'cpu', of: 'floor', bound: 1.3, stretch: true },
    { metric: 'throughput', of: 'ws', bound: 1 },
    { metric: 'throughput', of: 'nest', bound: 1 },
    { metric: 'throughput', of: 'socket.io', bound: 1 },
    { metric: 'throughput', of: 'centrifuge', bound: 1 },
  ],
  quick: ['holdfast', 'ws', 'centrifuge', 'floor'],
  run: (server, scale) =>
    measureDelivery(
      server,
      { subscribers: 1_000, channelsOf: () => [CHANNEL], channelOf: () => CHANNEL, rate: 50, window: 32 },
      scale,
    ),
};
