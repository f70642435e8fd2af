import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpPublisher } from '../../bench/load/http-publisher.js';
import { Latencies } from '../../bench/load/latencies.js';
import { pace } from '../../bench/load/pace.js';
import { Audience } from './audience.js';
import { backendOf } from './backend.js';
import type { MeasuredPod } from './pod.js';
import { highest, type Trial } from './search.js';

/** The longest latency that counts as in time, in ms. */
export const IN_TIME_MS = 100;
/** Of the larger channels. */
export const SUBSCRIBERS = 100;

/** Of requests, unless each would have more than BATCH messages. */
const REQUESTS_PER_SECOND = 100;
const BATCH = 100;
const CONNECTIONS = 16;

const LEAD_IN_SECONDS = 1;
const QUICK_SECONDS = 3;
const FULL_SECONDS = 10;

/** A trial ends once a request has waited for this long. */
const HOPELESS_MS = 1_000;
const CHECK_SECONDS = 0.5;
const ARRIVED_WITHIN_MS = 20_000;
const CALM_MS = 1_000;
const BACK_WITHIN_MS = 60_000;

/** How often a latency is measured. */
const EVERY = 5;

/** Messages to channels with one number of subscribers. Rates are per second. */
export interface Throughput {
  readonly clients: number;
  readonly subscribers: number;
  readonly messages: number;
  readonly p50: number;
  readonly p99: number;
  /** The parts of a core that the gateway and the load generator used. */
  readonly cpu: number;
  readonly generator: number;
}

interface Measured extends Trial {
  readonly throughput: Throughput;
}

/** Finds the highest rates of messages that arrive in time, to channels of one and of a hundred subscribers. */
export class ThroughputSearch {
  readonly #pod: MeasuredPod;
  readonly #audience: Audience;
  readonly #backend: HttpPublisher;
  readonly #latencies = new Latencies(EVERY);
  readonly #clients: number;
  #delivered = 0;
  #next = 0;

  constructor(pod: MeasuredPod, clients: number) {
    this.#pod = pod;
    this.#clients = clients;
    this.#backend = backendOf(pod, CONNECTIONS);
    this.#audience = new Audience(
      pod,
      (client) => [`inbox:${client}`, `room:${Math.floor(client / SUBSCRIBERS)}`],
      (count, ...frame) => {
        this.#delivered += count;
        this.#latencies.onMessages(count, ...frame);
      },
    );
  }

  async open(): Promise<void> {
    await this.#audience.join(this.#clients);
  }

  close(): void {
    this.#backend.close();
    this.#audience.leave();
  }

  /** @param from a rate to begin with. */
  async direct(from: number): Promise<Throughput> {
    return this.#search(
      from,
      1,
      Array.from({ length: this.#clients }, (_, client) => `inbox:${client}`),
    );
  }

  /** @param from a rate to begin with. */
  async channels(from: number): Promise<Throughput> {
    const channels = Array.from({ length: this.#clients / SUBSCRIBERS }, (_, room) => `room:${room}`);
    return this.#search(from, SUBSCRIBERS, channels);
  }

  async #search(from: number, subscribers: number, channels: readonly string[]): Promise<Throughput> {
    const { throughput } = await highest(
      from,
      (rate) => this.#trial(rate, QUICK_SECONDS, subscribers, channels),
      (rate) => this.#trial(rate, FULL_SECONDS, subscribers, channels),
    );
    return throughput;
  }

  async #trial(rate: number, seconds: number, subscribers: number, channels: readonly string[]): Promise<Measured> {
    const [cpu, own, since] = [await this.#pod.cpuTime(), process.cpuUsage(), performance.now()];
    const before = this.#delivered;
    const sending = new Sending(this.#backend, (size) => this.#some(channels, size));
    await sending.run(rate, LEAD_IN_SECONDS);
    this.#latencies.start();
    await sending.run(rate, seconds);
    const isComplete = await this.#arrived(sending, before, subscribers);
    const { p50, p99 } = this.#latencies.stop();
    const passedMs = performance.now() - since;
    const { user, system } = process.cpuUsage(own);
    const throughput = {
      clients: this.#clients,
      subscribers,
      messages: rate,
      p50,
      p99,
      cpu: ((await this.#pod.cpuTime()) - cpu) / (passedMs / 1_000),
      generator: (user + system) / 1_000 / passedMs,
    };
    const passed = isComplete && !sending.isHopeless && p99 < IN_TIME_MS && this.#audience.failures.length === 0;
    if (!passed) await this.#recover();
    return { passed, throughput };
  }

  /** The next channels, in turn. */
  #some(channels: readonly string[], size: number): string[] {
    const from = this.#next;
    this.#next += size;
    return Array.from({ length: size }, (_, index) => channels[(from + index) % channels.length] ?? '');
  }

  /** Waits until everything was sent and has arrived. @returns false if something has not. */
  async #arrived(sending: Sending, before: number, subscribers: number): Promise<boolean> {
    await sending.settled();
    const deadline = performance.now() + ARRIVED_WITHIN_MS;
    const expected = before + sending.published * subscribers;
    while (this.#delivered < expected && this.#audience.failures.length === 0 && performance.now() < deadline) {
      await sleep(10);
    }
    return this.#delivered === expected;
  }

  /** After too much: a pod that asked clients to leave takes them back when it is no longer overloaded. */
  async #recover(): Promise<void> {
    const others = this.#audience.failures.filter((failure) => !/"event":"reconnect"|closed with 1013/.test(failure));
    if (others.length > 0) throw new Error(`${others.length} clients lost their connection: ${others[0]}`);
    await sleep(CALM_MS);
    await this.#audience.restock(BACK_WITHIN_MS);
  }
}

/** Sends batches at a rate, whether or not earlier ones were answered, until that is hopeless. */
class Sending {
  /** Messages that were stored. */
  published = 0;
  readonly #waiting = new Set<number>();
  readonly #answers: Promise<void>[] = [];
  #failed = false;

  constructor(
    private readonly backend: HttpPublisher,
    private readonly channels: (size: number) => readonly string[],
  ) {}

  get isHopeless(): boolean {
    const [oldest = Infinity] = this.#waiting;
    return this.#failed || performance.now() - oldest > HOPELESS_MS;
  }

  async run(rate: number, seconds: number): Promise<void> {
    const size = Math.min(BATCH, Math.max(1, Math.round(rate / REQUESTS_PER_SECOND)));
    for (let left = seconds; left > 0 && !this.isHopeless; left -= CHECK_SECONDS) {
      await pace(rate / size, CHECK_SECONDS, (due) => {
        for (; due > 0; due -= 1) this.#answers.push(this.#send(size));
      });
    }
  }

  /** Resolves when all requests are answered. */
  async settled(): Promise<void> {
    await Promise.all(this.#answers);
  }

  async #send(size: number): Promise<void> {
    const since = performance.now();
    this.#waiting.add(since);
    try {
      await this.backend.send(this.channels(size));
      this.published += size;
    } catch {
      // The gateway is overloaded, or its broker.
      this.#failed = true;
    } finally {
      this.#waiting.delete(since);
    }
  }
}
