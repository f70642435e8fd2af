import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  UNPUBLISHED_TTL,
  type BrokerEvents,
  type HistoryQuery,
  type Position,
  type StoredPublication,
} from '../broker.js';
import { KeyConflictError } from '../errors.js';
import { MemoryBroker } from './memory-broker.js';
import { MemoryStore } from './memory-store.js';

const SECOND = 1_000;
const CHANNELS = ['a', 'b'] as const;
const WINDOW = 20 * SECOND;
const STREAMS = [
  { historySize: 5, historyTtl: 10 * SECOND, positionTtl: 90 * SECOND },
  { historySize: 2, historyTtl: 60 * SECOND, positionTtl: 5 * SECOND },
  { historySize: 0, historyTtl: 10 * SECOND, positionTtl: 15 * SECOND },
];

/** The contract for one channel, as simply as possible. */
interface ModelStream extends Position {
  offset: number;
  options: (typeof STREAMS)[number];
  kept: StoredPublication[];
  lastUse: number;
}

/** A broker, the model, and a client that connects and disconnects. */
class Run implements BrokerEvents {
  readonly broker = new MemoryBroker(new MemoryStore({ clock: () => Date.now() }));
  readonly #streams = new Map<string, ModelStream>();
  readonly #keys = new Map<string, { position: Position; payload: string; expires: number }>();
  readonly #epochs = new Set<string>();
  readonly #online = new Set<string>();
  /** The client's position, and everything it has received: nothing may be missing. */
  readonly #client = new Map<string, Position>();
  readonly #received = new Map<string, string[]>();
  readonly #published = new Map<string, string[]>();
  #payloads = 0;

  async publish(
    channel: string,
    options: ModelStream['options'],
    key: string | undefined,
    changed: boolean,
  ): Promise<void> {
    this.#payloads += 1;
    const known = key === undefined ? undefined : this.#key(channel, key);
    const payload = known !== undefined && !changed ? known.payload : `payload ${this.#payloads}`;
    const idempotency = key === undefined ? undefined : { publisher: 'p', key, fingerprint: payload, window: WINDOW };
    const result = this.broker.publish({ channel, payload, stream: options, idempotency });
    if (known !== undefined && changed) return expect(result).rejects.toThrow(KeyConflictError);
    if (known !== undefined) return expect(await result).toEqual({ ...known.position, duplicate: true });

    const position = await result;
    const stream = this.#open(channel, options, position.epoch);
    stream.offset += 1;
    expect(position).toEqual({ epoch: stream.epoch, offset: stream.offset, duplicate: false });
    stream.kept.push({ offset: stream.offset, time: Date.now(), payload });
    this.#trim(stream);
    this.#log(this.#published, stream.epoch).push(payload);
    const remembered = {
      position: { epoch: stream.epoch, offset: stream.offset },
      payload,
      expires: Date.now() + WINDOW,
    };
    if (key !== undefined) this.#keys.set(`${channel} ${key}`, remembered);
  }

  async comeOnline(channel: string, options: ModelStream['options']): Promise<void> {
    const position = await this.broker.subscribe(channel, options);
    const stream = this.#open(channel, options, position.epoch);
    expect(position).toEqual({ epoch: stream.epoch, offset: stream.offset });
    this.#online.add(channel);
    const since = this.#client.get(channel);
    const history = await this.broker.history(channel, { since, limit: Infinity });
    if (since !== undefined && history.complete) {
      for (const publication of history.publications) this.#receive(channel, publication);
      expect(this.#client.get(channel)).toEqual(position);
    } else {
      // Something may be missing, as the answer reported: the client continues from here.
      this.#log(this.#received, position.epoch).splice(0, Infinity, ...this.#log(this.#published, position.epoch));
      this.#client.set(channel, position);
    }
  }

  async goOffline(channel: string): Promise<void> {
    await this.broker.unsubscribe(channel);
    const stream = this.#find(channel);
    if (this.#online.delete(channel) && stream !== undefined) stream.lastUse = Date.now();
  }

  async history(channel: string, distance: number | undefined, limit: number, reverse: boolean): Promise<void> {
    const stream = this.#find(channel);
    const since =
      distance === undefined
        ? undefined
        : { epoch: stream?.epoch ?? 'none', offset: Math.max((stream?.offset ?? 0) - distance, 0) };
    const history = await this.broker.history(channel, { since, limit, reverse });
    if (stream === undefined) {
      expect(history).toMatchObject({ offset: 0, publications: [], complete: since === undefined });
      expect(this.#epochs).not.toContain(history.epoch);
    } else {
      expect(history).toEqual({
        epoch: stream.epoch,
        offset: stream.offset,
        ...historyOf(stream, { since, limit, reverse }),
      });
    }
  }

  async pass(time: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(time);
    // Expired publications do not return, whatever options follow.
    for (const channel of CHANNELS) this.#find(channel);
  }

  check(): void {
    for (const [channel, { epoch }] of this.#client) {
      if (this.#online.has(channel)) expect(this.#received.get(epoch) ?? []).toEqual(this.#published.get(epoch) ?? []);
    }
  }

  onPublication(channel: string, publication: StoredPublication): void {
    expect(this.#online).toContain(channel);
    this.#receive(channel, publication);
  }

  onGap(): void {
    throw new Error('there is nothing to lose in memory');
  }

  onJoin(): void {}
  onLeave(): void {}
  onPresenceGap(): void {}
  onLateMembership(): void {}
  onSignal(): void {}
  onInvalid(): void {}
  onNotice(): void {}
  onPlainRefused(): void {}
  onFault(error: unknown): void {
    // An exception thrown here would be caught; this way vitest notices it.
    queueMicrotask(() => {
      throw error;
    });
  }

  #receive(channel: string, { offset, payload }: StoredPublication): void {
    const { epoch, offset: last } = this.#client.get(channel) ?? { epoch: '', offset: -1 };
    expect(offset).toBe(last + 1);
    this.#client.set(channel, { epoch, offset });
    this.#log(this.#received, epoch).push(payload);
  }

  #log(logs: Map<string, string[]>, epoch: string): string[] {
    const log = logs.get(epoch) ?? [];
    logs.set(epoch, log);
    return log;
  }

  #key(channel: string, key: string): { position: Position; payload: string } | undefined {
    const known = this.#keys.get(`${channel} ${key}`);
    return known !== undefined && known.expires > Date.now() ? known : undefined;
  }

  #open(channel: string, options: ModelStream['options'], epoch: string): ModelStream {
    const found = this.#find(channel);
    if (found !== undefined) {
      found.options = options;
      found.lastUse = Date.now();
      return found;
    }
    expect(this.#epochs).not.toContain(epoch);
    this.#epochs.add(epoch);
    const stream = { epoch, offset: 0, options, kept: [], lastUse: Date.now() };
    this.#streams.set(channel, stream);
    return stream;
  }

  #find(channel: string): ModelStream | undefined {
    const stream = this.#streams.get(channel);
    if (stream === undefined) return undefined;
    this.#trim(stream);
    const { positionTtl } = stream.options;
    const ttl = stream.offset > 0 ? positionTtl : Math.min(positionTtl, UNPUBLISHED_TTL);
    const expired = stream.lastUse + ttl <= Date.now();
    if (this.#online.has(channel) || stream.kept.length > 0 || !expired) return stream;
    this.#streams.delete(channel);
    return undefined;
  }

  #trim(stream: ModelStream): void {
    const { historySize, historyTtl } = stream.options;
    stream.kept = stream.kept
      .filter(({ time }) => time + historyTtl > Date.now())
      .filter((_, index, all) => index >= all.length - historySize);
  }
}

function historyOf(stream: ModelStream, { since, limit, reverse }: HistoryQuery): object {
  const wanted = (offset: number): boolean =>
    since === undefined || (reverse === true ? offset < since.offset : offset > since.offset);
  const kept = stream.kept.filter(({ offset }) => wanted(offset));
  const missing = Array.from({ length: stream.offset }, (_, index) => index + 1)
    .filter(wanted)
    .filter((offset) => !kept.some((publication) => publication.offset === offset));
  const next = reverse === true ? (since?.offset ?? 0) - 1 : (since?.offset ?? 0) + 1;
  return {
    publications: (reverse === true ? kept.toReversed() : kept).slice(0, limit),
    complete: since === undefined || !missing.includes(next),
  };
}

describe('MemoryBroker', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('guarantees order, no silent loss, resume and idempotency for any sequence of operations', async () => {
    const channel = fc.constantFrom(...CHANNELS);
    const options = fc.constantFrom(...STREAMS);
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc
          .tuple(channel, options, fc.option(fc.constantFrom('k1', 'k2'), { nil: undefined }), fc.boolean())
          .map((args) => async (run: Run) => run.publish(...args)),
      },
      { weight: 2, arbitrary: fc.tuple(channel, options).map((args) => async (run: Run) => run.comeOnline(...args)) },
      { weight: 2, arbitrary: channel.map((name) => async (run: Run) => run.goOffline(name)) },
      {
        weight: 3,
        arbitrary: fc
          .tuple(
            channel,
            fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined }),
            fc.integer({ min: 0, max: 6 }),
            fc.boolean(),
          )
          .map((args) => async (run: Run) => run.history(...args)),
      },
      {
        weight: 3,
        arbitrary: fc.integer({ min: 1, max: 40 * SECOND }).map((time) => async (run: Run) => run.pass(time)),
      },
      // Whole seconds, to hit the moment at which something expires.
      { weight: 2, arbitrary: fc.constantFrom(5, 10, 15).map((time) => async (run: Run) => run.pass(time * SECOND)) },
    );
    await expect(
      fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), async (steps) => {
          const run = new Run();
          await run.broker.start(run);
          for (const take of steps) {
            await take(run);
            run.check();
          }
          await run.broker.close();
        }),
        { numRuns: 300 },
      ),
    ).resolves.toBeUndefined();
  }, 60_000);
});
