import type { KafkaRecord, RecordsBatch } from '@platformatic/kafka';
import { describe, expect, it } from 'vitest';
import { toEntries } from './entries.js';

function batch(firstOffset: bigint, values: readonly string[], fields: Partial<RecordsBatch> = {}): RecordsBatch {
  return {
    firstOffset,
    length: 0,
    partitionLeaderEpoch: 4,
    magic: 2,
    crc: 0,
    attributes: 8,
    lastOffsetDelta: values.length - 1,
    firstTimestamp: 1n,
    maxTimestamp: 1_700_000_000_000n,
    producerId: -1n,
    producerEpoch: -1,
    firstSequence: -1,
    records: values.map((value, offsetDelta) => record(value, { offsetDelta })),
    ...fields,
  };
}

function record(value: string, fields: Partial<KafkaRecord> = {}): KafkaRecord {
  return {
    length: 0,
    attributes: 0,
    timestampDelta: 0n,
    offsetDelta: 0,
    key: null,
    value: Buffer.from(value),
    headers: [],
    ...fields,
  };
}

function header(name: string, value: string): [Buffer, Buffer] {
  return [Buffer.from(name), Buffer.from(value)];
}

function texts(batches: readonly RecordsBatch[], from: number): [offset: number, text: string][] {
  return toEntries(batches, from).entries.map(({ offset, data }) => [offset, Buffer.from(data).toString()]);
}

describe('the batches of an answer', () => {
  it('become entries with the time and the epoch of the leader', () => {
    const { entries, next, epoch } = toEntries([batch(5n, ['a', 'b'])], 5);
    expect(entries.map(({ offset, time }) => [offset, time])).toEqual([
      [5, 1_700_000_000_000],
      [6, 1_700_000_000_000],
    ]);
    expect([next, epoch]).toEqual([7, 4]);
  });

  it('may begin before the offset that was asked for', () => {
    expect(texts([batch(1n, ['a']), batch(2n, ['b', 'c', 'd'])], 3)).toEqual([
      [3, 'c'],
      [4, 'd'],
    ]);
  });

  it('have no time of the server if producers set it', () => {
    expect(toEntries([batch(0n, ['a'], { attributes: 0 })], 0).entries).toMatchObject([{ time: undefined }]);
  });

  it.each([
    ['of a transaction', { attributes: 8 | 16 }],
    ['of the server', { attributes: 8 | 16 | 32 }],
    ['without a value', { records: [record('a', { value: null })] }],
  ])('show a record %s as an empty entry', (_, fields) => {
    expect(texts([batch(0n, ['a'], fields), batch(1n, ['b'])], 0)).toEqual([
      [0, ''],
      [1, 'b'],
    ]);
  });

  it.each([
    ['its key', { key: Buffer.from('news:é') }, { channel: 'news:é', key: undefined }],
    ['a header', { headers: [header('channel', 'a:1')] }, { channel: 'a:1', key: undefined }],
    [
      'a header that differs from its key',
      { key: Buffer.from('b'), headers: [header('channel', 'a:1'), header('key', '7')] },
      { channel: 'a:1', key: '7' },
    ],
    ['nothing', { headers: [header('traceparent', '00')] }, { channel: '', key: undefined }],
  ])('have the message of a backend, with the channel in %s', (_, fields, plain) => {
    const { entries } = toEntries([batch(0n, [], { lastOffsetDelta: 0, records: [record('{}', fields)] })], 0);
    expect(entries).toEqual([
      { offset: 0, time: 1_700_000_000_000, data: new Uint8Array(), plain: { ...plain, body: Buffer.from('{}') } },
    ]);
  });

  it('show that they end after records that are gone', () => {
    const { entries, next } = toEntries([batch(0n, ['a'], { lastOffsetDelta: 3 })], 0);
    expect(entries.map(({ offset, data }) => [offset, data.length])).toEqual([
      [0, 1],
      [3, 0],
    ]);
    expect(next).toBe(4);
  });

  it('must not have offsets that are not safe integers', () => {
    expect(() => toEntries([batch(2n ** 53n, ['a'])], 0)).toThrow(RangeError);
  });
});
