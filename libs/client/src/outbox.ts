import type { Json, Position } from '@holdfast/protocol';
import type { BackoffOptions } from './backoff.js';
import type { Connection } from './connection.js';
import { HoldfastError } from './errors.js';
import { Lane, type LaneOptions } from './lane.js';

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

  constructor({ maxQueued, backoff, connection }: OutboxOptions) {
    this.#maxQueued = maxQueued;
    this.#laneOptions = {
      backoff,
      connection,
      keyWindow: () => this.#keyWindow,
      settled: () => {
        this.#size--;
      },
    };
  }

  /** @throws HoldfastError `queue_full` */
  async publish(channel: string, data: Json, key: string): Promise<Position> {
    if (this.#size >= this.#maxQueued) {
      const message = `${this.#size} publishes are already waiting (maxQueued)`;
      throw new HoldfastError('queue_full', message, { retryable: true });
    }
    // Encoded now, because a retry with changed data would be refused as a key conflict.
    const json = JSON.stringify({ channel, data, key });
    const lane = this.#lanes.get(channel) ?? new Lane(this.#laneOptions);
    this.#lanes.set(channel, lane);
    this.#size++;
    try {
      return await lane.add(json);
    } finally {
      if (lane.isEmpty && this.#lanes.get(channel) === lane) this.#lanes.delete(channel);
    }
  }

  /** Called when there is a connection, whose gateway remembers keys for `keyWindow` ms. */
  flush(keyWindow: number): void {
    this.#keyWindow = keyWindow;
    for (const lane of this.#lanes.values()) lane.flush();
  }

  /** Rejects waiting publishes at once, and those in progress if they fail. */
  close(error: HoldfastError): void {
    for (const lane of this.#lanes.values()) lane.close(error);
  }
}
