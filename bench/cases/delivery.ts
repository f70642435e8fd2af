import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../load/client.ts';
import { Latencies } from '../load/latencies.ts';
import { messageData } from '../load/message.ts';
import { Meter, type Conditions } from '../load/meter.ts';
import { pace } from '../load/pace.ts';
import { openClient, populate } from '../load/population.ts';
import { Tally } from '../load/tally.ts';
import { percent } from '../report/percent.ts';
import { ServerProcess } from '../servers/process.ts';
import type { Server } from '../servers/server.ts';
import type { Metric, Sample, Scale } from './case.ts';

/** Subscribers, and the messages that are published to them over one more connection. */
export interface DeliveryLoad {
  readonly subscribers: number;
  readonly channelsOf: (client: number) => readonly string[];
  readonly channelOf: (message: number) => string;
  /** Messages per second. */
  readonly rate: number;
  /** How many messages are on their way where the server gets as much as it can take; absent where that is not measured. */
  readonly window?: number;
}

/** Messages that have not come by then are lost. */
const ARRIVE_WITHIN_MS = 20_000;

/** So many latencies a second are enough. */
const LATENCIES_PER_SECOND = 2_000;

/** A server whose core is less busy than this was not the limit. */
const SATURATED = 0.95;

export const DELIVERY_METRICS: readonly Metric[] = [
  { key: 'cpu', title: 'CPU per delivery', unit: 'µs' },
  { key: 'p50', title: 'latency p50', unit: 'ms' },
  { key: 'p99', title: 'latency p99', unit: 'ms' },
];

export const SATURATION_METRIC: Metric = {
  key: 'throughput',
  title: 'saturated',
  unit: 'deliveries per second of the core',
  moreIsBetter: true,
};

export async function measureDelivery(server: Server, load: DeliveryLoad, scale: Scale): Promise<Sample> {
  const process = await ServerProcess.start(server);
  const deliveries = new Deliveries(load, process);
  try {
    await deliveries.open();
    await deliveries.run(scale.warmUp);
    const measured = await deliveries.measure(scale.seconds);
    if (load.window === undefined) return measured;
    const { throughput, notes } = await deliveries.saturate(load.window, scale.seconds);
    return { ...measured, values: { ...measured.values, throughput }, notes };
  } finally {
    deliveries.close();
    await process.stop();
  }
}

/** Clients of one server, and what each of them has to get. */
export class Deliveries {
  readonly #at: ServerProcess;
  readonly #publisherAt: ServerProcess;
  readonly #load: DeliveryLoad;
  readonly #tally: Tally;
  readonly #latencies: Latencies;
  #clients: readonly Client[] = [];
  #publisher: Client | undefined;
  #number = 0;

  /** @param at where the subscribers are, and also the publisher where it has no place of its own. */
  constructor(load: DeliveryLoad, at: ServerProcess, publisherAt = at) {
    this.#at = at;
    this.#publisherAt = publisherAt;
    this.#load = load;
    this.#tally = new Tally(load.subscribers, load.channelsOf);
    this.#latencies = new Latencies(Math.max(1, Math.round((load.rate * this.#fanOut) / LATENCIES_PER_SECOND)));
  }

  /** Connects them. */
  async open(): Promise<void> {
    const { subscribers: size, channelsOf } = this.#load;
    const { dialect } = this.#at.server;
    const { onMessages } = this.#latencies;
    this.#clients = await populate({ port: this.#at.port, dialect, size, channelsOf, onMessages });
    this.#publisher = await openClient(size, { port: this.#publisherAt.port, dialect });
  }

  /** Publishes so many messages a second, and waits until everything has arrived. */
  async run(seconds: number, rate = this.#load.rate): Promise<void> {
    await pace(rate, seconds, (count) => this.#publish(count));
    await this.#arrived();
  }

  async measure(seconds: number, rate?: number): Promise<Sample> {
    this.#latencies.start();
    const { expected } = this.#tally;
    const meter = new Meter(this.#at, this.#publisherAt);
    await this.run(seconds, rate);
    const { cpu, conditions } = meter.stop();
    return { values: { cpu: cpu / (this.#tally.expected - expected), ...this.#latencies.stop() }, conditions };
  }

  close(): void {
    for (const client of this.#clients) client.close();
    this.#publisher?.close();
  }

  /**
   * Keeps so many messages on their way: the server has never nothing to do. What it delivers is counted by the second of
   * its core, so that whatever else ran there changes little.
   */
  async saturate(window: number, seconds: number): Promise<{ throughput: number; notes: string[] }> {
    const before = this.#arrivedSoFar();
    const meter = new Meter(this.#at, this.#publisherAt);
    const begin = performance.now();
    while (performance.now() < begin + seconds * 1000) {
      const onTheirWay = (this.#tally.expected - this.#arrivedSoFar()) / this.#fanOut;
      if (onTheirWay < window) this.#publish(Math.ceil(window - onTheirWay));
      await sleep(1);
      this.#check();
    }
    const { cpu, conditions } = meter.stop();
    const throughput = (this.#arrivedSoFar() - before) / (cpu / 1e6);
    await this.#arrived();
    return { throughput, notes: saturationNotes(conditions) };
  }

  /** How many clients each message goes to. */
  get #fanOut(): number {
    return this.#tally.fanOut(this.#load.channelOf(0));
  }

  #publish(count: number): void {
    const publisher = this.#publisher;
    if (publisher === undefined) throw new Error('not open');
    publisher.cork();
    for (let i = 0; i < count; i += 1) {
      const channel = this.#load.channelOf(this.#number);
      publisher.publish(channel, messageData(this.#number));
      this.#number += 1;
      this.#tally.published(channel);
    }
    publisher.uncork();
  }

  #arrivedSoFar(): number {
    let sum = 0;
    for (const { messages } of this.#clients) sum += messages;
    return sum;
  }

  /** Everything that was published, at everyone, exactly once. */
  async #arrived(): Promise<void> {
    const deadline = performance.now() + ARRIVE_WITHIN_MS;
    while (this.#arrivedSoFar() < this.#tally.expected && performance.now() < deadline) {
      await sleep(2);
      this.#check();
    }
    const wrong = this.#tally.wrong(this.#clients.map(({ messages }) => messages));
    if (wrong !== undefined) {
      throw new Error(`client ${wrong.client} got ${wrong.got} messages of ${wrong.expected}`);
    }
  }

  #check(): void {
    for (const client of [this.#publisher, ...this.#clients]) {
      if (client?.failure !== undefined) throw new Error(`a client failed: ${client.failure}`);
    }
  }
}

/** What kept a server from being busy all the time, where it was not. */
function saturationNotes({ server, others, busy }: Conditions): string[] {
  if (server >= SATURATED) return [];
  const limit =
    server + others >= SATURATED
      ? `other programs used ${percent(others)} of it`
      : `other programs ${percent(others)}; the load generator was busy ${percent(busy)} of the time`;
  return [`saturated: the server used ${percent(server)} of its core, ${limit}`];
}
