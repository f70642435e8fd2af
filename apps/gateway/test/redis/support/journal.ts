import { Holdfast, type Position } from '@holdfast/client';
import { expect, onTestFinished } from 'vitest';
import type { Acknowledged } from './api-publisher.js';

/** How many clients are opened at a time. */
const BATCH = 100;

interface ReceivedEvent extends Position {
  /** As {@link performance.now}. */
  readonly at: number;
  /** The data of a message; a gap has none. */
  readonly text?: unknown;
}

/** A client with the library, and what its application received on one channel. */
export class Journal {
  readonly client: Holdfast;
  readonly received: ReceivedEvent[] = [];
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
        this.received.push({ epoch: this.position.epoch, offset, text: data, at: performance.now() }),
      gap: ({ epoch, offset }) => this.received.push({ epoch, offset, at: performance.now() }),
    });
    this.start = await ready;
  }

  /** The last position that the application received. */
  get position(): Position {
    const position = this.received.at(-1) ?? this.start;
    if (position === undefined) throw new Error('not subscribed yet');
    return position;
  }

  get gaps(): number {
    return this.received.filter((event) => !isMessage(event)).length;
  }

  /** The longest time, in ms, without a message. */
  get longestPause(): number {
    const times = this.received.filter(isMessage).map(({ at }) => at);
    return Math.max(0, ...times.slice(1).map((at, index) => at - (times[index] ?? at)));
  }

  /**
   * Checks promises 1, 2 and 4: offsets are consecutive, nothing is delivered twice, and everything acknowledged was
   * delivered, or covered by a gap.
   */
  expectComplete(acknowledged: readonly Acknowledged[]): void {
    const messages = this.received.filter(isMessage);
    const texts = messages.map(({ epoch, text }) => `${epoch} ${String(text)}`);
    expect(new Set(texts).size).toBe(texts.length);
    const expected = new Map(acknowledged.map((publish) => [placeOf(publish), publish.text]));
    const known = messages.filter((message) => expected.has(placeOf(message)));
    expect(known.map(({ text }) => text)).toEqual(known.map((message) => expected.get(placeOf(message))));

    let at = this.start ?? this.position;
    const skipped: [Position, Position][] = [];
    for (const event of this.received) {
      if (!isMessage(event)) skipped.push([at, event]);
      else expect(event).toMatchObject({ epoch: at.epoch, offset: at.offset + 1 });
      at = event;
    }
    const delivered = new Set(messages.map(placeOf));
    const missed = acknowledged.filter(
      (publish) => !delivered.has(placeOf(publish)) && !skipped.some((gap) => covers(gap, publish)),
    );
    expect(missed).toEqual([]);
  }
}

/** Opens clients, assigns them to the channels in turn, and subscribes them. */
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

function isMessage(event: ReceivedEvent): boolean {
  return 'text' in event;
}

function placeOf({ epoch, offset }: Position): string {
  return `${epoch} ${offset}`;
}

/** Whether a gap covers this position: it ends its epoch, goes past it, or may have gone past its whole epoch. */
function covers([from, to]: readonly [Position, Position], { epoch, offset }: Position): boolean {
  if (from.epoch === to.epoch) return epoch === to.epoch && from.offset < offset && offset <= to.offset;
  if (epoch === to.epoch) return offset <= to.offset;
  return epoch !== from.epoch || offset > from.offset;
}
