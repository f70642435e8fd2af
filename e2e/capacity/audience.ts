import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, OnMessages } from '../../bench/load/client.js';
import { holdfastDialect } from '../../bench/load/dialects/holdfast.js';
import { pace } from '../../bench/load/pace.js';
import { openClient } from '../../bench/load/population.js';
import { availableTokens } from '../../bench/load/tokens.js';
import type { MeasuredPod } from './pod.js';

/** What a pod accepts in the long run is more (`limits.connectionRate.perPod`), so it refuses nobody for their number. */
const PER_SECOND = 350;

const CHECK_MS = 100;
const RETRY_MS = 1_000;

/** Clients of one pod. Each is a user of its own. */
export class Audience {
  readonly #pod: MeasuredPod;
  readonly #channelsOf: (client: number) => readonly string[];
  readonly #onMessages: OnMessages | undefined;
  readonly #clients = new Map<number, Client>();

  constructor(pod: MeasuredPod, channelsOf: (client: number) => readonly string[], onMessages?: OnMessages) {
    this.#pod = pod;
    this.#channelsOf = channelsOf;
    this.#onMessages = onMessages;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** The clients' numbers. */
  get numbers(): number[] {
    return [...this.#clients.keys()];
  }

  /** Why clients lost their connection. */
  get failures(): string[] {
    return [...this.#clients.values()].flatMap(({ failure }) => failure ?? []);
  }

  /** Connects clients with the numbers 0 to count - 1. */
  async join(count: number): Promise<void> {
    await availableTokens(count);
    const opening: Promise<void>[] = [];
    await pace(PER_SECOND, count / PER_SECOND, (due) => {
      for (; due > 0; due -= 1) opening.push(this.admit(opening.length));
    });
    await Promise.all(opening);
  }

  /** Connects and subscribes a client. @throws Error if it is refused. */
  async admit(number: number): Promise<void> {
    const { host, port } = this.#pod;
    const client = await openClient(number, { host, port, dialect: holdfastDialect, onMessages: this.#onMessages });
    for (const channel of this.#channelsOf(number)) await client.subscribe(channel);
    this.#clients.set(number, client);
  }

  /** Resolves when each client that has a connection has received this number of messages in total. */
  async received(messages: number, within: number): Promise<void> {
    const deadline = Date.now() + within;
    for (;;) {
      const waiting = [...this.#clients.values()].filter(
        (client) => client.failure === undefined && client.messages < messages,
      );
      if (waiting.length === 0) return;
      if (Date.now() > deadline) throw new Error(`${waiting.length} clients did not receive ${messages} messages`);
      await sleep(CHECK_MS);
    }
  }

  /** Replaces the clients that lost their connection, as soon as the pod accepts new ones. */
  async restock(within: number): Promise<void> {
    const deadline = Date.now() + within;
    for (const [number, { failure }] of this.#clients) {
      if (failure === undefined) continue;
      for (;;) {
        try {
          await this.admit(number);
          break;
        } catch (error) {
          if (Date.now() > deadline) throw error;
          await sleep(RETRY_MS);
        }
      }
    }
  }

  leave(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}
