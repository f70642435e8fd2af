import { Holdfast, type Position } from '@holdfast/client';
import { expect, onTestFinished } from 'vitest';
import type { Acknowledged } from './api-publisher.js';

/** How many clients at a time are opened. */
const BATCH = 100;

interface Told extends Position {
  /** For {@link performance.now}. */
  readonly at: number;
  /** Of a message; a gap has none. */
  readonly text?: unknown;
}

/** A client with the library, and what its application received of one channel. */
export class Journal {
  readonly client: Holdfast;
  readonly told: Told[] = [];
  timesConnected = 0;
  private start: Position | undefined;

  constructor(
    url: string,
    readonly channel: string,
  ) {
    this.client = new Holdfast(url);
    this.client.on('state', ({ state }) => {
      if (state === 'connected') this.timesConnected += 1;
    });
  }

  async subscribe(): Promise<void> {
    const { ready } = this.client.subscribe(this.channel, {
      message: ({ offset, data }) =>
        this.told.push({ epoch: this.position.epoch, offset, text: data, at: performance.now() }),
      gap: ({ epoch, offset }) => this.told.push({ epoch, offset, at: performance.now() }),
    });
    this.start = await ready;
  }

  /** The last one that the application received. */
  get position(): Position {
    const position = this.told.at(-1) ?? this.start;
    if (position === undefined) throw new Error('not subscribed yet');
    return position;
  }

  get gaps(): number {
    return this.told.filter((told) => !isMessage(told)).length;
  }

  /** The longest time, in ms, without a message. */
  get longestPause(): number {
    const times = this.told.filter(isMessage).map(({ at }) => at);
    return Math.max(0, ...times.slice(1).map((at, index) => at - (times[index] ?? at)));
  }

  /**
   * Promises 1, 2 and 4: offsets follow each other, nothing is delivered twice, and everything acknowledged was delivered, or
   * a gap in its place.
   */
  expectHonest(acknowledged: readonly Acknowledged[]): void {
    const messages = this.told.filter(isMessage);
    const texts = messages.map(({ epoch, text }) => `${epoch} ${String(text)}`);
    expect(new Set(texts).size).toBe(texts.length);
    const expected = new Map(acknowledged.map((publish) => [placeOf(publish), publish.text]));
    const known = messages.filter((message) => expected.has(placeOf(message)));
    expect(known.map(({ text }) => text)).toEqual(known.map((message) => expected.get(placeOf(message))));

    let at = this.start ?? this.position;
    const skipped: [Position, Position][] = [];
    for (const told of this.told) {
      if (!isMessage(told)) skipped.push([at, told]);
      else expect(told).toMatchObject({ epoch: at.epoch, offset: at.offset + 1 });
      at = told;
    }
    const delivered = new Set(messages.map(placeOf));
    const missed = acknowledged.filter(
      (publish) => !delivered.has(placeOf(publish)) && !skipped.some((gap) => covers(gap, publish)),
    );
    expect(missed).toEqual([]);
  }
}

/** Opens them, the first on the first of the channels and so on, and has them subscribed. */
export async function openJournals(url: string, channels: readonly string[], count: number): Promise<Journal[]> {
  const journals = Array.from({ length: count }, (_, index) => channels[index % channels.length] ?? '');
  const opened: Journal[] = [];
  onTestFinished(async () => {
    await Promise.all(opened.map(({ client }) => client.close()));
  });
  for (let start = 0; start < count; start += BATCH) {
    const batch = journals.slice(start, start + BATCH).map((channel) => new Journal(url, channel));
    opened.push(...batch);
    await Promise.all(batch.map((journal) => journal.subscribe()));
  }
  return opened;
}

function isMessage(told: Told): boolean {
  return 'text' in told;
}

function placeOf({ epoch, offset }: Position): string {
  return `${epoch} ${offset}`;
}

/** Whether a gap says that this may be lost: it ends its epoch, goes past it, or may have gone past the whole of its epoch. */
function covers([from, to]: readonly [Position, Position], { epoch, offset }: Position): boolean {
  if (from.epoch === to.epoch) return epoch === to.epoch && from.offset < offset && offset <= to.offset;
  if (epoch === to.epoch) return offset <= to.offset;
  return epoch !== from.epoch || offset > from.offset;
}
