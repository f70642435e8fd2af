import { recordsData } from '../load/message.ts';
import type { Server } from '../servers/server.ts';
import type { Case, Metric, Sample, Scale } from './case.ts';
import { measureDelivery } from './delivery.ts';

const CHANNEL = 'board:1';

const SUBSCRIBERS = 100;
const RATE = 10;

/** The sizes of the messages, in KB. */
const SIZES = [0.2, 1, 5, 20];

export const compression: Case = {
  name: 'compression',
  title: `JSON of 0.2 to 20 KB, ${RATE} messages/s × ${SUBSCRIBERS} subscribers, with and without permessage-deflate`,
  servers: [
    'holdfast',
    'holdfast-compressing',
    'socket.io',
    'socket.io-compressing',
    'centrifuge',
    'centrifuge-compressing',
  ],
  metrics: SIZES.flatMap((size): Metric[] => [
    { key: `cpu of ${size} KB`, title: `CPU per delivery, ${size} KB`, unit: 'µs' },
    { key: `bytes of ${size} KB`, title: `egress per delivery, ${size} KB`, unit: 'bytes' },
  ]),
  targets: [],
  quick: [],
  async run(server: Server, scale: Scale): Promise<Sample> {
    const values: Record<string, number> = {};
    for (const size of SIZES) {
      const load = {
        subscribers: SUBSCRIBERS,
        channelsOf: () => [CHANNEL],
        channelOf: () => CHANNEL,
        dataOf: (message: number) => recordsData(message, size * 1_000),
        rate: RATE,
      };
      const { values: found } = await measureDelivery(server, load, scale);
      values[`cpu of ${size} KB`] = found['cpu'] ?? Number.NaN;
      values[`bytes of ${size} KB`] = found['bytes'] ?? Number.NaN;
    }
    return { values };
  },
};
