import type { Position } from '@holdfast/protocol';
import type { BackoffOptions } from './backoff.js';
import type { Connection } from './connection.js';
import { HoldfastError } from './errors.js';
import { encode } from './json.js';
import { Lane, type LaneOptions } from './lane.js';
import { now } from './timers.js';

/** How long a publish may wait before the first welcome, in ms. */
const DEFAULT_KEY_WINDOW = 120_000;

export interface OutboxOptions {
  readonly maxQueued: number;
  readonly backoff: BackoffOptions;
  /** The connection to publish on. */
  readonly connection: () => Connection | undefined;
}

/** All unsettled publishes: a limited number, in one lane per channel. */
export class Outbox {
  readonly #maxQueued: number;
  readonly #laneOptions: LaneOptions;
  readonly #lanes = new Map<string, Lane>();
  #size = 0;
  #keyWindow = DEFAULT_KEY_WINDOW;
  /** The pace that the gateway stated when it refused a publish, in ms per publish; 0 without one. */
  #interval = 0;
  #nextTurnAt = 0;

  constructor({ maxQueued, backoff, connection }: OutboxOptions) {
    this.#maxQueued = maxQueued;
    this.#laneOptions = {
      backoff,
      connection,
      keyWindow: () => this.#keyWindow,
      isPaced: () => this.#interval > 0,
      nextTurn: (interval = this.#interval) => {
        this.#interval = interval;
        const at = now();
        this.#nextTurnAt = Math.max(at, this.#nextTurnAt) + interval;
        return this.#nextTurnAt - at;
      },
      settled: () => {
        // Everything is through, so bursts are possible again.
        if (--this.#size === 0) this.#interval = 0;
      },
    };
  }

  /**
   * @throws HoldfastError `queue_full`
   * @throws TypeError if the data is not JSON.
   */
  async publish(channel: string, data: unknown, key: string, traceparent?: string): Promise<Position> {
    // Encoded now, because a retry with changed data would be refused as a key conflict.
    const json = `{"channel":${JSON.stringify(channel)},"data":${encode(data)},"key":${JSON.stringify(key)}`;
    if (this.#size >= this.#maxQueued) {
      const message = `${this.#size} publishes are already waiting (maxQueued)`;
      throw new HoldfastError('queue_full', message, { retryable: true });
    }
    const lane = this.#lanes.get(channel) ?? new Lane(this.#laneOptions);
    this.#lanes.set(channel, lane);
    this.#size++;
    try {
      return await lane.add(json, key, traceparent === undefined ? '}' : `},"traceparent":"${traceparent}"`);
    } finally {
      if (lane.isEmpty && this.#lanes.get(channel) === lane) this.#lanes.delete(channel);
    }
  }

  /** Called when there is a connection, whose gateway remembers keys for `keyWindow` ms. */
  flush(keyWindow: number): void {
    this.#keyWindow = keyWindow;
    for (const lane of this.#lanes.values()) lane.flush();
  }

  /** Rejects waiting publishes at once, and those under way if they fail. */
  close(error: HoldfastError): void {
    for (const lane of this.#lanes.values()) lane.close(error);
  }
}
