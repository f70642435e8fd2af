import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type {
  Broker,
  BrokerEvents,
  BrokerInput,
  Position,
  StoredPublication,
  PublishResult,
  StreamOptions,
} from '../broker.js';
import type { PlainRefusal } from '../plain-messages.js';
import { BrokerUnavailableError, BrokerUnknownError } from '../errors.js';
import { eventually } from './eventually.js';
import { Stopwatch } from './stopwatch.js';

export const STREAM: StreamOptions = { historySize: 10_000, historyTtl: 600_000, positionTtl: 600_000 };

type Received =
  | { readonly kind: 'publication'; readonly publication: StoredPublication; readonly at: number }
  | { readonly kind: 'gap'; readonly position: Position; readonly at: number };

interface Acknowledged extends PublishResult {
  readonly channel: string;
  readonly payload: string;
  readonly at: number;
}

/** One pod's broker, and the events of each channel. */
export class Subscriber implements BrokerEvents {
  readonly starts = new Map<string, Position>();
  readonly received = new Map<string, Received[]>();
  readonly presence: string[] = [];
  readonly presenceGaps: string[] = [];
  readonly late: string[] = [];
  readonly signals: string[] = [];
  readonly invalid: string[] = [];
  readonly refused: string[] = [];
  readonly faults: unknown[] = [];

  constructor(readonly broker: Broker) {}

  async start(channels: readonly string[] = []): Promise<void> {
    await this.broker.start(this);
    await eventually(() => expect(this.broker.health()).toEqual({ status: 'up' }));
    await Promise.all(channels.map(async (channel) => this.subscribe(channel)));
  }

  async subscribe(channel: string, stream = STREAM): Promise<void> {
    this.starts.set(channel, await this.broker.subscribe(channel, stream));
  }

  /** The position of a channel after all events. */
  position(channel: string): Position | undefined {
    let position = this.starts.get(channel);
    for (const event of this.received.get(channel) ?? []) {
      if (event.kind === 'gap') position = event.position;
      else if (position !== undefined) position = { epoch: position.epoch, offset: event.publication.offset };
    }
    return position;
  }

  payloads(channel: string): string[] {
    return (this.received.get(channel) ?? []).flatMap((event) =>
      event.kind === 'publication' ? [event.publication.payload] : [],
    );
  }

  gaps(channel: string): Position[] {
    return (this.received.get(channel) ?? []).flatMap((event) => (event.kind === 'gap' ? [event.position] : []));
  }

  onPublication(channel: string, publication: StoredPublication): void {
    this.#add(channel, { kind: 'publication', publication, at: performance.now() });
  }

  onGap(channel: string, position: Position): void {
    this.#add(channel, { kind: 'gap', position, at: performance.now() });
  }

  onJoin(channel: string, { client }: { client: string }): void {
    this.presence.push(`${channel} + ${client}`);
  }

  onLeave(channel: string, { client }: { client: string }): void {
    this.presence.push(`${channel} - ${client}`);
  }

  onPresenceGap(channel: string): void {
    this.presenceGaps.push(channel);
  }

  onLateMembership(event: 'join' | 'leave', channel: string, { client }: { client: string }, count: number): void {
    this.late.push(`${channel} ${event} ${client} of ${count}`);
  }

  onSignal(signal: string): void {
    this.signals.push(signal);
  }

  onNotice(): void {}

  onInvalid(kind: BrokerInput, name: string): void {
    this.invalid.push(`${kind} ${name}`);
  }

  onPlainRefused(channel: string, reason: PlainRefusal): void {
    this.refused.push(`${reason} ${channel}`);
  }

  onFault(error: unknown): void {
    this.faults.push(error);
  }

  #add(channel: string, event: Received): void {
    const before = this.received.get(channel);
    if (before === undefined) this.received.set(channel, [event]);
    else before.push(event);
  }
}

/**
 * Several publishers that number their messages and retry under the same key what was not acknowledged; and the verification of
 * what the subscribers received.
 */
export class Load {
  readonly acknowledged: Acknowledged[] = [];
  readonly unexpected: unknown[] = [];
  /** ms until the slowest publish settled. */
  slowest = 0;
  #stopped = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(
    readonly subscribers: readonly Subscriber[],
    readonly channels: readonly string[],
  ) {}

  /** @param pause ms between two messages of one publisher. */
  start(publishers = 4, pause = 5, size = 0): void {
    this.#running = Promise.all(
      Array.from({ length: publishers }, async (_, index) => this.#publish(`p${index}`, index, pause, size)),
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** Resolves when new messages of every channel are acknowledged and delivered to all subscribers. */
  async flows(timeout = 30_000): Promise<void> {
    const from = performance.now();
    await eventually(() => {
      for (const channel of this.channels) {
        const fresh = this.acknowledged.some((publish) => publish.channel === channel && publish.at > from);
        if (!fresh) throw new Error(`nothing is acknowledged on ${channel}`);
        for (const { received } of this.subscribers) {
          if ((received.get(channel)?.at(-1)?.at ?? 0) < from) throw new Error(`nothing is delivered on ${channel}`);
        }
      }
    }, timeout);
  }

  /** The longest time without an event on a channel, in ms. */
  async pauses(annotate: (message: string) => Promise<unknown>): Promise<number> {
    let acknowledged = 0;
    let pause = 0;
    for (const channel of this.channels) {
      acknowledged = Math.max(
        acknowledged,
        longest(this.acknowledged.filter((publish) => publish.channel === channel).map(({ at }) => at)),
      );
      for (const subscriber of this.subscribers) {
        pause = Math.max(pause, longest((subscriber.received.get(channel) ?? []).map(({ at }) => at)));
      }
    }
    await annotate(
      `longest pauses: ${Math.round(acknowledged)} ms for publishers, ${Math.round(pause)} ms for subscribers`,
    );
    return pause;
  }

  /**
   * Asserts, when everything has settled: order, no silent loss of acknowledged messages, and no duplicates.
   *
   * @param lossless whether even reported gaps are a failure.
   */
  async check({ lossless = false } = {}): Promise<void> {
    expect(this.unexpected).toEqual([]);
    expect(this.slowest).toBeLessThan(2_000);
    for (const channel of this.channels) {
      for (const subscriber of this.subscribers) {
        await eventually(async () => {
          const { epoch, offset } = await subscriber.broker.history(channel, { limit: 0 });
          expect(subscriber.position(channel)).toEqual({ epoch, offset });
        });
        if (lossless) expect(subscriber.gaps(channel)).toEqual([]);
        this.#checkOne(subscriber, channel);
      }
    }
  }

  #checkOne(subscriber: Subscriber, channel: string): void {
    const start = subscriber.starts.get(channel);
    if (start === undefined) throw new Error('not subscribed');
    let position = start;
    const highest = new Map<string, number>();
    const delivered = new Map<string, string>();
    const lost: { from: Position; to: Position }[] = [];
    for (const event of subscriber.received.get(channel) ?? []) {
      if (event.kind === 'gap') {
        lost.push({ from: position, to: event.position });
        position = event.position;
        continue;
      }
      const { offset, payload } = event.publication;
      expect(offset, `${channel}: order`).toBe(position.offset + 1);
      expect(offset, `${channel}: twice`).toBeGreaterThan(highest.get(position.epoch) ?? 0);
      highest.set(position.epoch, offset);
      delivered.set(`${position.epoch} ${offset}`, payload);
      position = { epoch: position.epoch, offset };
    }
    const epochs = new Set([start.epoch, ...lost.map(({ to }) => to.epoch)]);
    const silent = this.acknowledged.filter(({ channel: of, epoch, offset, payload }) => {
      if (of !== channel) return false;
      const payloadHere = delivered.get(`${epoch} ${offset}`);
      if (payloadHere !== undefined) return payloadHere !== payload;
      if (epoch === start.epoch && offset <= start.offset) return false;
      return !lost.some(({ from, to }) => isBetween({ epoch, offset }, from, to, epochs));
    });
    expect(silent, `${channel}: lost silently`).toEqual([]);
    const payloads = subscriber.payloads(channel);
    // Only a new epoch may have lost the keys.
    if (epochs.size === 1) expect(new Set(payloads).size, `${channel}: stored twice`).toBe(payloads.length);
  }

  async #publish(publisher: string, index: number, pause: number, size: number): Promise<void> {
    for (let number = 1; !this.#stopped; number += 1) {
      const channel = this.channels[(number + index) % this.channels.length] ?? '';
      const broker = this.subscribers[(number + index) % this.subscribers.length]?.broker;
      if (broker === undefined) throw new Error('no broker');
      const payload = `${publisher} ${number} ${'x'.repeat(size)}`;
      const idempotency = { publisher, key: `${number}`, fingerprint: 'f', window: 600_000 };
      for (let settled = false; !settled;) {
        const watch = new Stopwatch();
        try {
          const result = await broker.publish({ channel, payload, stream: STREAM, idempotency });
          settled = true;
          this.acknowledged.push({ ...result, channel, payload, at: performance.now() });
        } catch (error) {
          if (!(error instanceof BrokerUnavailableError) && !(error instanceof BrokerUnknownError)) {
            this.unexpected.push(error);
          }
          // If the test ends before the server is back, the message stays unacknowledged.
          settled = this.#stopped;
          await sleep(20);
        }
        this.slowest = Math.max(this.slowest, watch.elapsed);
      }
      await sleep(pause);
    }
  }
}

function isBetween({ epoch, offset }: Position, from: Position, to: Position, epochs: ReadonlySet<string>): boolean {
  if (from.epoch === epoch) return offset > from.offset && (to.epoch !== epoch || offset <= to.offset);
  if (to.epoch === epoch) return offset <= to.offset;
  // An epoch without any event here lies between two others.
  return !epochs.has(epoch) && from.epoch !== to.epoch;
}

function longest(times: readonly number[]): number {
  let result = 0;
  let last = times[0] ?? 0;
  for (const time of times) {
    result = Math.max(result, time - last);
    last = time;
  }
  return result;
}
