import type { Case } from './case.ts';
import { DELIVERY_METRICS, measureDelivery, SATURATION_METRIC } from './delivery.ts';

const CHANNELS = 10_000;

/** Coprime to the number of channels, so that messages visit all of them in a scattered order. */
const STRIDE = 7_919;

export const direct: Case = {
  name: 'direct',
  title: '10,000 channels of 1 subscriber, 20,000 messages/s in all',
  servers: ['holdfast', 'ws', 'nest', 'socket.io', 'centrifuge', 'floor', 'bun', 'holdfast-on-bun'],
  metrics: [...DELIVERY_METRICS, SATURATION_METRIC],
  targets: [
    { metric: 'cpu', of: 'centrifuge', bound: 0.7 },
    { metric: 'throughput', of: 'ws', bound: 1 },
    { metric: 'throughput', of: 'nest', bound: 1 },
    { metric: 'throughput', of: 'socket.io', bound: 1 },
    { metric: 'throughput', of: 'centrifuge', bound: 1 },
  ],
  quick: [],
  run: (server, scale) =>
    measureDelivery(
      server,
      {
        subscribers: CHANNELS,
        channelsOf: (client) => [`inbox:${client}`],
        channelOf: (message) => `inbox:${(message * STRIDE) % CHANNELS}`,
        rate: 20_000,
        window: 2_048,
      },
      scale,
    ),
};
