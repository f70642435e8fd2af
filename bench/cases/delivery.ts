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

/** A load of subscribers, and messages published to them over a separate connection. */
export interface DeliveryLoad {
  readonly subscribers: number;
  readonly channelsOf: (client: number) => readonly string[];
  readonly channelOf: (message: number) => string;
  /** The JSON of a message; by default a small one. */
  readonly dataOf?: (message: number) => string;
  /** Messages per second. */
  readonly rate: number;
  /** The number of messages in flight when the server is saturated; absent if that is not measured. */
  readonly window?: number;
}

/** Messages that have not arrived after this time are lost, in ms. */
const ARRIVE_WITHIN_MS = 20_000;

/** The number of latency samples per second. */
const LATENCIES_PER_SECOND = 2_000;

/** Below this utilization of its core, the server was not the bottleneck. */
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

/** The clients of one server, and the messages that each of them must receive. */
export class Deliveries {
  readonly #at: ServerProcess;
  readonly #publisherAt: ServerProcess;
  readonly #load: DeliveryLoad;
  readonly #tally: Tally;
  readonly #latencies: Latencies;
  #clients: readonly Client[] = [];
  #publisher: Client | undefined;
  #number = 0;

  /** @param at the server of the subscribers, and of the publisher if it has no separate one. */
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

  /** Publishes at the given rate, and waits until everything has arrived. */
  async run(seconds: number, rate = this.#load.rate): Promise<void> {
    await pace(rate, seconds, (count) => this.#publish(count));
    await this.#arrived();
  }

  async measure(seconds: number, rate?: number): Promise<Sample> {
    this.#latencies.start();
    const { expected } = this.#tally;
    const bytes = this.#bytesSoFar();
    const meter = new Meter(this.#at, this.#publisherAt);
    await this.run(seconds, rate);
    const { cpu, conditions } = meter.stop();
    const count = this.#tally.expected - expected;
    const values = { cpu: cpu / count, bytes: (this.#bytesSoFar() - bytes) / count, ...this.#latencies.stop() };
    return { values, conditions };
  }

  close(): void {
    for (const client of this.#clients) client.close();
    this.#publisher?.close();
  }

  /**
   * Keeps a number of messages in flight, so that the server is never idle. Deliveries are counted per second of its CPU
   * time, so that other programs on its core have little influence.
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

  /** The number of recipients of each message. */
  get #fanOut(): number {
    return this.#tally.fanOut(this.#load.channelOf(0));
  }

  #publish(count: number): void {
    const publisher = this.#publisher;
    if (publisher === undefined) throw new Error('not open');
    publisher.cork();
    for (let i = 0; i < count; i += 1) {
      const channel = this.#load.channelOf(this.#number);
      publisher.publish(channel, (this.#load.dataOf ?? messageData)(this.#number));
      this.#number += 1;
      this.#tally.published(channel);
    }
    publisher.uncork();
  }

  #bytesSoFar(): number {
    let sum = 0;
    for (const { bytes } of this.#clients) sum += bytes;
    return sum;
  }

  #arrivedSoFar(): number {
    let sum = 0;
    for (const { messages } of this.#clients) sum += messages;
    return sum;
  }

  /** Asserts that every client received every message exactly once. */
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

/** A note if the server was not busy all the time. */
function saturationNotes({ server, others, busy }: Conditions): string[] {
  if (server >= SATURATED) return [];
  const limit =
    server + others >= SATURATED
      ? `other programs used ${percent(others)} of it`
      : `other programs ${percent(others)}; the load generator was busy ${percent(busy)} of the time`;
  return [`saturated: the server used ${percent(server)} of its core, ${limit}`];
}
