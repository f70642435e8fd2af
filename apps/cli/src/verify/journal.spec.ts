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
  it('has no problem if all messages arrived once and in order', () => {
    expect(journalOf([5, 6, 7]).sut.problem(START, published([5, 6, 7]))).toBeUndefined();
  });

  it.each([
    ['a message that is missing', [5, 7], [5, 6, 7], 'offset 7 arrived instead of 6'],
    ['the last one missing', [5, 6], [5, 6, 7], 'offset 7, acknowledged by pod-1, did not arrive'],
    ['a duplicate', [5, 5, 6], [5, 6], 'offset 5 arrived instead of 6'],
    ['two that arrived out of order', [6, 5], [5, 6], 'offset 6 arrived instead of 5'],
    ['one that nobody published', [5, 6], [5], '1 messages arrived that nobody published'],
  ])('reports %s', (_name, received, sent, expected) => {
    expect(journalOf(received).sut.problem(START, published(sent))).toBe(expected);
  });

  it('reports a different message', () => {
    const { sut } = journalOf([5], () => 'other');
    expect(sut.problem(START, published([5]))).toBe('offset 5 is not the message that pod-1 stored');
  });

  it('reports a new epoch', () => {
    expect(journalOf([5]).sut.problem(START, published([5], 'f'))).toBe('the history was lost: epoch f after e');
  });

  it('reports a gap', () => {
    const { sut } = journalOf([5]);
    sut.gap({ epoch: 'f', offset: 9 }, 'not_recovered');
    expect(sut.problem(START, published([5]))).toBe('missed messages could not be replayed, continuing after f:9');
  });

  it('reports a duplicate frame, which the library drops', () => {
    const { sut, frame } = journalOf([5, 6]);
    for (const offset of [5, 6, 6]) frame(offset, 0);
    expect(sut.problem(START, published([5, 6]))).toBe('offset 6 arrived after 6 on one connection');
  });

  it('accepts the same message on two connections, and ignores other channels', () => {
    const { sut, frame } = journalOf([5, 6]);
    frame(5, 0);
    frame(6, 0);
    frame(6, 1);
    frame(1, 1, 'another');
    expect(sut.problem(START, published([5, 6]))).toBeUndefined();
  });

  it('waits for a number of messages, up to the deadline', async () => {
    const { sut } = journalOf([5]);
    const arrived = sut.arrived(2, new Deadline(5_000));
    sut.message({ channel: 'room', offset: 6, data: '6', time: 0 });
    await arrived;
    await expect(sut.arrived(3, new Deadline(10))).rejects.toThrow('out of time: 2 of 3 messages arrived');
  });
});
