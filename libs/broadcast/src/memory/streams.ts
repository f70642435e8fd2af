import { randomBytes } from 'node:crypto';
import type { BrokerEvents, StoredPublication, StreamOptions } from '../broker.js';
import { ExpiryQueue } from './expiry-queue.js';
import { Stream } from './stream.js';

/** The streams of all channels, until their positions expire. */
export class Streams {
  readonly #streams = new Map<string, Stream>();
  readonly #subscribed = new Set<string>();
  readonly #expiry: ExpiryQueue<Stream>;
  /** Distinguishes epochs from those of other processes, and of earlier runs. */
  readonly #epochPrefix = randomBytes(9).toString('base64url');
  #epochs = 0;
  #publications = 0;
  #units = 0;

  constructor(now: number) {
    this.#expiry = new ExpiryQueue(now);
  }

  get size(): number {
    return this.#streams.size;
  }

  /** How many publications are kept in total. */
  get publications(): number {
    return this.#publications;
  }

  /** The total length of all kept payloads, in UTF-16 code units. */
  get units(): number {
    return this.#units;
  }

  /** Names of the channels with a subscriber, in no particular order. */
  get subscribed(): Iterable<string> {
    return this.#subscribed;
  }

  nextEpoch(): string {
    this.#epochs += 1;
    return `${this.#epochPrefix}.${this.#epochs.toString(36)}`;
  }

  /** The stream without what has expired, whether it has been swept or not. */
  find(channel: string, now: number): Stream | undefined {
    const stream = this.#streams.get(channel);
    if (stream === undefined) return undefined;
    this.#trim(stream, now);
    if (stream.expires > now) return stream;
    this.#streams.delete(channel);
    return undefined;
  }

  subscribers(channel: string): readonly BrokerEvents[] {
    return this.#streams.get(channel)?.subscribers ?? [];
  }

  subscribe(channel: string, options: StreamOptions, subscriber: BrokerEvents, now: number): Stream {
    const stream = this.#open(channel, options, now);
    if (!stream.subscribers.includes(subscriber)) stream.subscribers = [...stream.subscribers, subscriber];
    this.#subscribed.add(channel);
    return stream;
  }

  unsubscribe(channel: string, subscriber: BrokerEvents, now: number): void {
    const stream = this.#streams.get(channel);
    if (stream === undefined || !stream.subscribers.includes(subscriber)) return;
    stream.subscribers = stream.subscribers.filter((other) => other !== subscriber);
    if (stream.subscribers.length > 0) return;
    this.#subscribed.delete(channel);
    stream.lastUse = now;
    this.#expiry.schedule(stream, stream.expires);
  }

  append(channel: string, payload: string, options: StreamOptions, now: number): [Stream, StoredPublication] {
    const stream = this.#open(channel, options, now);
    stream.offset += 1;
    const publication = { offset: stream.offset, time: now, payload };
    if (options.historySize > 0) {
      stream.log.append(publication);
      this.#publications += 1;
      this.#units += payload.length;
    }
    this.#trim(stream, now);
    this.#expiry.schedule(stream, stream.expires);
    return [stream, publication];
  }

  sweep(now: number, limit: number): void {
    this.#expiry.sweep(now, limit, (stream) => {
      // A new stream of the same channel has its own place in the queue.
      if (this.find(stream.channel, now) === stream) this.#expiry.schedule(stream, stream.expires);
    });
  }

  #trim(stream: Stream, now: number): void {
    const { units } = stream.log;
    this.#publications -= stream.trim(now);
    this.#units -= units - stream.log.units;
  }

  #open(channel: string, options: StreamOptions, now: number): Stream {
    const found = this.find(channel, now);
    if (found === undefined) {
      const stream = new Stream(channel, this.nextEpoch(), options, now);
      this.#streams.set(channel, stream);
      return stream;
    }
    found.options = options;
    found.lastUse = now;
    return found;
  }
}
