import { EventEmitter } from 'node:events';
import type { Channel, ConsumeMessage } from 'amqplib';
import { expect, it, vi } from 'vitest';
import type { Connection } from './connection.js';
import { Reader } from './reader.js';

/** A channel whose consumer gets what a test delivers. */
class FakeChannel extends EventEmitter {
  start: unknown;
  acknowledged = 0;
  isClosed = false;
  #onMessage: (message: ConsumeMessage | null) => void = () => {};

  async prefetch(): Promise<void> {}

  async consume(
    _queue: string,
    onMessage: (message: ConsumeMessage | null) => void,
    options: { arguments: Record<string, unknown> },
  ): Promise<void> {
    this.start = options.arguments['x-stream-offset'];
    this.#onMessage = onMessage;
  }

  ack(message: ConsumeMessage): void {
    this.acknowledged = message.fields.deliveryTag;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  deliver(...offsets: readonly number[]): void {
    for (const offset of offsets) {
      const properties = { headers: { 'x-stream-offset': offset } };
      this.#onMessage({
        properties,
        fields: { deliveryTag: offset },
        content: Buffer.from('x'),
      } as unknown as ConsumeMessage);
    }
  }
}

class Fixture {
  readonly channels: FakeChannel[] = [];
  readonly offsets: number[] = [];
  readonly ends: [reason: string, isCut: boolean][] = [];
  readonly reader: Reader;

  constructor() {
    const channel = async (): Promise<Channel> => {
      this.channels.push(new FakeChannel());
      return this.channels.at(-1) as unknown as Channel;
    };
    this.reader = new Reader({ connection: { channel } as Connection }, 'queue', {
      onEntries: (entries) => this.offsets.push(...entries.map(({ offset }) => offset)),
      recreate: async () => undefined,
      onEnd: (reason, isCut) => this.ends.push([reason, isCut]),
    });
  }

  /** The channel on which the reader consumes now. */
  async attached(count: number): Promise<FakeChannel> {
    return vi.waitFor(() => {
      const channel = this.channels[count - 1];
      if (channel?.start === undefined || this.channels.length > count) throw new Error('not attached');
      return channel;
    });
  }
}

it('reads again from the entry before a hole, and hands each entry on once', async () => {
  const fixture = new Fixture();
  await fixture.reader.start('first');
  const first = await fixture.attached(1);
  first.deliver(0, 1, 3, 4);
  const second = await fixture.attached(2);
  expect(first.isClosed).toBe(true);
  expect(second.start).toBe(1);
  first.deliver(5);
  second.deliver(1, 3, 4);
  await vi.waitFor(() => expect(fixture.offsets).toEqual([0, 1, 3, 4]));
  second.deliver(6);
  await fixture.attached(3);
  expect(fixture.ends).toEqual([]);
});

it('finds an entry that the server left out at first', async () => {
  const fixture = new Fixture();
  await fixture.reader.start({ offset: 7 });
  (await fixture.attached(1)).deliver(7, 9);
  (await fixture.attached(2)).deliver(7, 8, 9);
  await vi.waitFor(() => expect(fixture.offsets).toEqual([7, 8, 9]));
});

it.each([
  ['the latest entry is not where it was', [7, 9], [8]],
  ['an entry was delivered again', [7, 8, 8], []],
])('ends if %s', async (reason, offsets, again) => {
  const fixture = new Fixture();
  await fixture.reader.start({ offset: 7 });
  (await fixture.attached(1)).deliver(...offsets);
  if (again.length > 0) (await fixture.attached(2)).deliver(...again);
  expect(fixture.ends).toEqual([[reason, false]]);
});

it('acknowledges some entries at a time, and the last ones within a second', async () => {
  const fixture = new Fixture();
  await fixture.reader.start('first');
  const channel = await fixture.attached(1);
  channel.deliver(...Array.from({ length: 40 }, (_, offset) => offset));
  expect(channel.acknowledged).toBe(31);
  await vi.waitFor(() => expect(channel.acknowledged).toBe(39));
  fixture.reader.stop();
});
