import { Inject, Injectable } from '@nestjs/common';
import type { Connection } from '../gateway/connection.js';
import { ProtocolError } from '../gateway/protocol-error.js';
import { HeldMemory } from '../limits/held-memory.js';
import { quotaKeyOf, Quotas, type QuotaUser } from '../limits/quotas.js';

/** What all reads under way may take of the memory limit. */
const SHARE = 1 / 16;
/** A read is in memory about so many times: as the broker's answer, as objects, as JSON and as a frame. */
const COPIES = 4;
/** The smallest size, in bytes, that a read is expected to have. */
const MIN_EXPECTED = 16_384;
/** How much of the expectation remains after a smaller read. */
const DECAY = 0.95;
const MIN_AT_ONCE = 4;
const MAX_AT_ONCE = 256;
/** How many reads of one reader are under way at once. */
const OF_ONE_READER = 4;
/** After each of them, as many bytes per ms pass before the reader's next: 8 MiB/s for all of them together. */
const PACE = 2_048;

/** Who reads: all of a user's connections are one. */
export interface Reader {
  readonly key: string;
  /** False once nobody waits for the answer any more. */
  readonly open: boolean;
  /** Whose quota `readBytes` counts what is read; absent for those who are trusted. */
  readonly charged?: QuotaUser;
}

/** The gateway itself, for whoever it serves. */
export const THE_POD: Reader = { key: '', open: true };

/** A client that waits for the answer as long as its connection is open. */
export function readerOf(connection: Connection): Reader {
  return {
    key: quotaKeyOf(connection),
    charged: connection,
    get open() {
      return connection.open;
    },
  };
}

/** A backend: trusted, so that only its turns are limited. */
export function backendOf(apiKey: string): Reader {
  return { key: apiKey, open: true };
}

interface Turns {
  running: number;
  readonly waiting: (() => void)[];
}

/**
 * Reads from the broker whose answers are far larger than their requests: histories, replays, lists of members. Few of
 * them are under way at once, fewer where they are large, and readers take turns: one who asks for much waits for
 * itself. What a read brought is charged afterwards, when its size is known.
 */
@Injectable()
export class Reads {
  private running = 0;
  private readonly readers = new Map<string, Turns>();
  /** Those who wait, in the order of their turns. */
  private readonly queue = new Map<string, Turns>();
  private expected = MIN_EXPECTED;
  private readonly room: number;

  constructor(
    @Inject(HeldMemory) { total }: HeldMemory,
    @Inject(Quotas) private readonly quotas: Quotas,
  ) {
    this.room = total * SHARE;
  }

  /**
   * Reads when it is this reader's turn.
   *
   * @param sizeOf about how many bytes an answer has.
   * @throws ProtocolError `rate_limited` while the reader's earlier reads have cost too much.
   */
  async run<T>(reader: Reader, read: () => Promise<T>, sizeOf: (answer: T) => number): Promise<T> {
    if (reader.charged !== undefined) this.quotas.check(reader.charged, 'readBytes');
    await this.begin(reader.key);
    let size = 0;
    try {
      if (!reader.open) throw new ProtocolError('not_connected');
      const answer = await read();
      size = sizeOf(answer);
      this.expected = Math.max(size, MIN_EXPECTED, this.expected * DECAY);
      if (reader.charged !== undefined) this.quotas.pour(reader.charged, 'readBytes', size);
      return answer;
    } finally {
      this.running -= 1;
      const pause = reader.charged === undefined ? 0 : size / PACE;
      if (pause < 1) this.end(reader.key);
      else setTimeout(() => this.end(reader.key), pause).unref();
    }
  }

  private get atOnce(): number {
    return Math.min(MAX_AT_ONCE, Math.max(MIN_AT_ONCE, this.room / (COPIES * this.expected)));
  }

  private begin(key: string): Promise<void> | undefined {
    let turns = this.readers.get(key);
    if (turns === undefined) this.readers.set(key, (turns = { running: 0, waiting: [] }));
    if (turns.running < OF_ONE_READER && this.running < this.atOnce) {
      turns.running += 1;
      this.running += 1;
      return undefined;
    }
    this.queue.set(key, turns);
    const { waiting } = turns;
    return new Promise((resolve) => waiting.push(resolve));
  }

  private end(key: string): void {
    const turns = this.readers.get(key);
    if (turns === undefined) return;
    turns.running -= 1;
    if (turns.running === 0 && turns.waiting.length === 0) this.readers.delete(key);
    this.next();
  }

  private next(): void {
    for (const [key, turns] of this.queue) {
      if (this.running >= this.atOnce) return;
      if (turns.running >= OF_ONE_READER) continue;
      const begin = turns.waiting.shift();
      // Behind the others, if more of its reads wait.
      this.queue.delete(key);
      if (turns.waiting.length > 0) this.queue.set(key, turns);
      if (begin === undefined) continue;
      turns.running += 1;
      this.running += 1;
      begin();
    }
  }
}
