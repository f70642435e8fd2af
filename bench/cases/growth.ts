import type { Case, Metric, Sample, Scale } from './case.ts';
import { measureDelivery, type DeliveryLoad } from './delivery.ts';
import type { Server } from '../servers/server.ts';

/** The maximum accepted growth of the cost. */
const BOUND = 1.5;

/** Deliveries per second at every point of the first and the last curve. */
const DELIVERIES = 20_000;

/** Messages per second of the second curve, spread out so that none shares a write with another. */
const SINGLE_MESSAGES = 1_000;

interface Curve {
  readonly name: string;
  readonly title: string;
  readonly points: readonly number[];
  readonly servers: Case['servers'];
  readonly load: (point: number) => DeliveryLoad;
}

const CURVES: readonly Curve[] = [
  {
    name: 'subscribers',
    title: 'growth: subscribers of a channel, 20,000 deliveries/s in all',
    points: [100, 300, 1_000, 3_000, 10_000],
    // The floor shows the kernel's share of the growth.
    servers: ['holdfast', 'centrifuge', 'floor'],
    load: (subscribers) => ({
      subscribers,
      channelsOf: () => ['news:all'],
      channelOf: () => 'news:all',
      rate: DELIVERIES / subscribers,
    }),
  },
  {
    name: 'channels',
    title: 'growth: channels of 1 subscriber, at 1,000 connections at most, 1,000 messages/s in all',
    points: [1, 100, 1_000, 10_000, 50_000],
    servers: ['holdfast', 'centrifuge'],
    load: (channels) => {
      const subscribers = Math.min(channels, 1_000);
      return {
        subscribers,
        channelsOf: (client) =>
          Array.from({ length: channels / subscribers }, (_, index) => `inbox:${client + index * subscribers}`),
        channelOf: (message) => `inbox:${(message * 7_919) % channels}`,
        rate: SINGLE_MESSAGES,
      };
    },
  },
  {
    name: 'subscriptions',
    title: 'growth: channels that each of 100 connections is subscribed to, 20,000 deliveries/s in all',
    points: [1, 10, 50, 200],
    servers: ['holdfast', 'centrifuge'],
    load: (count) => {
      const channels = Array.from({ length: count }, (_, index) => `topic:${index}`);
      return {
        subscribers: 100,
        channelsOf: () => channels,
        channelOf: (message) => `topic:${message % count}`,
        rate: DELIVERIES / 100,
      };
    },
  },
];

export const growth: readonly Case[] = CURVES.map(({ name, title, points, servers, load }) => ({
  name: `growth-${name}`,
  title,
  servers,
  metrics: points.map((point): Metric => ({
    key: keyOf(point),
    title: `CPU at ${point.toLocaleString('en')}`,
    unit: 'µs',
  })),
  targets: [{ metric: keyOf(points.at(-1)), ofMetric: keyOf(points[0]), bound: BOUND }],
  quick: [],
  maxRounds: 1,
  async run(server: Server, scale: Scale): Promise<Sample> {
    const values: Record<string, number> = {};
    for (const point of points) {
      const { values: found } = await measureDelivery(server, load(point), scale);
      values[keyOf(point)] = found['cpu'] ?? Number.NaN;
    }
    return { values };
  },
}));

function keyOf(point: number | undefined): string {
  return `cpu-${point}`;
}

/** The size at which a metric of a growth case is measured; undefined for any other metric. */
export function pointOf(key: string): number | undefined {
  const digits = /^cpu-(\d+)$/.exec(key)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
