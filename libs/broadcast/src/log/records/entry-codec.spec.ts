import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntry, encodeEntry, encodeRecord, packedSize, ENTRY_OVERHEAD } from './entry-codec.js';
import type { LogRecord } from './records.js';

const STREAM = { historySize: 10, historyTtl: 60_000, positionTtl: 2 ** 40 };
const MEMBER = { client: 'ann', details: '{"ä":1}' };
const CONNECTION = { client: 'ann', holder: 'h', user: 'u', node: 'n', since: 1_795_825_629_654 };
const IDEMPOTENCY = { publisher: 'p', key: 'k', fingerprint: 'f', window: 1 };

const RECORDS: LogRecord[] = [
  { kind: 'publish', channel: 'news:1', payload: '{"text":"Grüße, 世界 👋"}', stream: STREAM, idempotency: undefined },
  { kind: 'publish', channel: '', payload: '', stream: STREAM, idempotency: IDEMPOTENCY },
  { kind: 'open', channel: 'a', stream: STREAM },
  { kind: 'quit', channel: 'a' },
  { kind: 'join', channel: 'a', member: MEMBER, holder: 'h', since: undefined },
  { kind: 'join', channel: 'a', member: MEMBER, holder: 'h', since: 0 },
  { kind: 'leave', channel: 'a', client: 'ann', holder: 'h' },
  { kind: 'evict', channel: 'a', client: 'ann' },
  { kind: 'register', connection: CONNECTION, since: undefined },
  { kind: 'register', connection: CONNECTION, since: 7 },
  { kind: 'unregister', user: 'u', client: 'ann', holder: 'h' },
  { kind: 'expel', user: 'u', client: 'ann' },
  { kind: 'signal', signal: 'x'.repeat(100_000) },
  { kind: 'beacon', rules: 1 },
  { kind: 'dead', pod: 'p', seen: undefined },
  { kind: 'dead', pod: 'p', seen: 0 },
  { kind: 'rename', former: 'p' },
  { kind: 'bye' },
  { kind: 'mark' },
  { kind: 'digest', offset: Number.MAX_SAFE_INTEGER, hash: 2 ** 32 - 1, snapshots: [5, 2] },
  { kind: 'ask' },
  { kind: 'state', id: 's', part: 300, isLast: true, asOf: 2 ** 31, data: Buffer.from([0, 255, 1]) },
  { kind: 'era', cause: 0, id: 'e', partitions: 16, policy: '{}' },
  { kind: 'rules', version: 2 },
  { kind: 'policy', policy: '{}' },
];

function entry(records: readonly LogRecord[]): Buffer {
  return encodeEntry({ pod: 'pod', number: 2 ** 33, clock: 1_795_825_629_654 }, records.map(encodeRecord));
}

describe('an entry', () => {
  it('is read as it was written', () => {
    const decoded = decodeEntry(entry(RECORDS));
    expect(decoded).toMatchObject({
      kind: 'entry',
      entry: { pod: 'pod', number: 2 ** 33, clock: 1_795_825_629_654, records: RECORDS },
    });
  });

  it('is not larger than its records were expected to be', () => {
    const records = RECORDS.map(encodeRecord);
    const expected = records.reduce((sum, record) => sum + packedSize(record), ENTRY_OVERHEAD);
    expect(entry(RECORDS).length).toBeLessThanOrEqual(expected);
  });

  it.each([
    ['endless', Infinity, Number.MAX_SAFE_INTEGER],
    ['fractional', 1.6, 2],
    ['negative', -1, 0],
  ])('keeps %s options as whole numbers', (_, historySize, expected) => {
    const decoded = decodeEntry(entry([{ kind: 'open', channel: 'a', stream: { ...STREAM, historySize } }]));
    expect(decoded).toMatchObject({ entry: { records: [{ stream: { ...STREAM, historySize: expected } }] } });
  });

  it.each([
    ['nothing', ''],
    ['JSON', '{"channel":"a"}'],
    ['text in UTF-16', '\u{FEFF}x'],
    ['text', 'õ'],
  ])('is told apart from others: %s', (_, text) => {
    for (const encoding of ['utf8', 'utf16le'] as const) {
      expect(decodeEntry(Buffer.from(text, encoding)).kind).toBe('foreign');
    }
  });

  it('with a damaged byte is not the engine’s, wherever the damage is', () => {
    const bytes = entry(RECORDS.slice(0, 8));
    for (let index = 0; index < bytes.length; index += 1) {
      const damaged = Buffer.from(bytes);
      damaged[index] = (damaged[index] ?? 0) ^ 0x55;
      expect(decodeEntry(damaged).kind, `byte ${index}`).toBe(index === 1 ? 'newer' : 'foreign');
    }
  });

  it('that is cut short is not the engine’s', () => {
    const bytes = entry(RECORDS.slice(0, 8));
    for (let length = 0; length < bytes.length; length += 1) {
      expect(decodeEntry(bytes.subarray(0, length)).kind).toBe('foreign');
    }
  });

  it('of a later release is recognized: another version, or a type of record that is not known', () => {
    const later = entry([{ kind: 'mark' }]);
    later[1] = 2;
    expect(decodeEntry(later).kind).toBe('newer');
    const unknown = encodeEntry({ pod: 'pod', number: 1, clock: 1 }, [Buffer.from([200, 1, 2, 3])]);
    expect(decodeEntry(unknown).kind).toBe('newer');
  });

  it('with a right checksum may still contain anything: it is skipped, and nothing is thrown', () => {
    const header = { pod: 'pod', number: 1, clock: 1 };
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }), (records) => {
        const { kind } = decodeEntry(encodeEntry(header, records));
        expect(['entry', 'newer', 'foreign']).toContain(kind);
      }),
      { numRuns: 3_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeEntry(bytes).kind).toBe('foreign');
      }),
      { numRuns: 3_000 },
    );
  });

  it('has records of any text and number', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40 });
    const number = fc.maxSafeNat();
    const stream = fc.record({ historySize: number, historyTtl: number, positionTtl: number });
    const publish = fc.record({
      kind: fc.constant('publish' as const),
      channel: text,
      payload: text,
      stream,
      idempotency: fc.option(fc.record({ publisher: text, key: text, fingerprint: text, window: number }), {
        nil: undefined,
      }),
    });
    fc.assert(
      fc.property(fc.array(publish, { maxLength: 5 }), (records) => {
        expect(decodeEntry(entry(records))).toMatchObject({ kind: 'entry', entry: { records } });
      }),
    );
  });
});
