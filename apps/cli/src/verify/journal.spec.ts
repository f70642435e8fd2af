import type { Position } from '@holdfast/client';
import { describe, expect, it } from 'vitest';
import { Deadline } from './deadline.js';
import { Journal, type Published } from './journal.js';
import type { SteeredClient } from './steered-client.js';

const START: Position = { epoch: 'e', offset: 4 };

function journalOf(offsets: readonly number[], data: (offset: number) => string = String) {
  const client = {} as SteeredClient;
  const sut = new Journal('room', client);
  for (const offset of offsets) sut.message({ channel: 'room', offset, data: data(offset), time: 0 });
  const frame = (offset: number, connection: number, channel = 'room') =>
    client.onFrame({ event: 'message', data: { channel, offset } }, connection);
  return { sut, frame };
}

function published(offsets: readonly number[], epoch = 'e'): Published[] {
  return offsets.map((offset) => ({
    publisher: 'pod-1',
    data: String(offset),
    position: { epoch, offset },
    sentAt: 0,
  }));
}

describe('a journal', () => {
  it('finds nothing wrong where all came once and in order', () => {
    expect(journalOf([5, 6, 7]).sut.problem(START, published([5, 6, 7]))).toBeUndefined();
  });

  it.each([
    ['a message that is missing', [5, 7], [5, 6, 7], 'offset 7 came where 6 was to come'],
    ['the last one missing', [5, 6], [5, 6, 7], 'offset 7, acknowledged by pod-1, did not come'],
    ['one that came twice', [5, 5, 6], [5, 6], 'offset 5 came where 6 was to come'],
    ['two that came out of order', [6, 5], [5, 6], 'offset 6 came where 5 was to come'],
    ['one that nobody published', [5, 6], [5], '1 messages came that nobody published'],
  ])('tells of %s', (_name, came, sent, expected) => {
    expect(journalOf(came).sut.problem(START, published(sent))).toBe(expected);
  });

  it('tells of another message in the place of one', () => {
    const { sut } = journalOf([5], () => 'other');
    expect(sut.problem(START, published([5]))).toBe('offset 5 is another message than pod-1 stored');
  });

  it('tells of a channel that began anew', () => {
    expect(journalOf([5]).sut.problem(START, published([5], 'f'))).toBe('the channel began anew: epoch f after e');
  });

  it('tells of a gap', () => {
    const { sut } = journalOf([5]);
    sut.gap({ epoch: 'f', offset: 9 }, 'not_recovered');
    expect(sut.problem(START, published([5]))).toBe('what was missed could not be replayed, going on after f:9');
  });

  it('tells of what came twice on the wire, which the library drops', () => {
    const { sut, frame } = journalOf([5, 6]);
    for (const offset of [5, 6, 6]) frame(offset, 0);
    expect(sut.problem(START, published([5, 6]))).toBe('offset 6 came after 6 on one connection');
  });

  it('allows that two connections bring the same, and leaves other channels alone', () => {
    const { sut, frame } = journalOf([5, 6]);
    frame(5, 0);
    frame(6, 0);
    frame(6, 1);
    frame(1, 1, 'another');
    expect(sut.problem(START, published([5, 6]))).toBeUndefined();
  });

  it('waits for so many messages, and no longer than it may', async () => {
    const { sut } = journalOf([5]);
    const arrived = sut.arrived(2, new Deadline(5_000));
    sut.message({ channel: 'room', offset: 6, data: '6', time: 0 });
    await arrived;
    await expect(sut.arrived(3, new Deadline(10))).rejects.toThrow('out of time: 2 of 3 messages arrived');
  });
});
