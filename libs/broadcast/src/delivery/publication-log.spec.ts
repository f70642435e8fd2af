import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredPublication } from '../broker.js';
import { heapUsed } from '../testing/heap-used.js';
import { PublicationLog } from './publication-log.js';

/** With characters of one to four bytes in UTF-8. */
const TEXTS = ['', 'ascii', 'Größe', '日本語'.repeat(20), '😀', 'x'.repeat(300)];

describe('PublicationLog', () => {
  it('keeps the same as a plain list', () => {
    const operation = fc.oneof(
      { weight: 4, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 20 }) }) },
      {
        weight: 1,
        arbitrary: fc.record({ size: fc.integer({ min: 0, max: 40 }), age: fc.integer({ min: 0, max: 40 }) }),
      },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.integer({ min: 1, max: 1e9 }), (operations, start) => {
        const sut = new PublicationLog();
        let list: StoredPublication[] = [];
        let offset = start;
        for (const step of operations) {
          if ('append' in step) {
            for (let count = 0; count < step.append; count += 1) {
              const publication = { offset, time: offset + 0.5, payload: `${offset} ${TEXTS[offset % TEXTS.length]}` };
              sut.append(publication);
              list.push(publication);
              offset += 1;
            }
          } else {
            const length = list.length;
            list = list.filter(({ time }) => time > offset - step.age);
            list = list.slice(Math.max(0, list.length - step.size));
            expect(sut.trim(step.size, offset - step.age)).toBe(length - list.length);
          }
          expect(sut.length).toBe(list.length);
          expect([sut.oldestOffset, sut.oldestTime]).toEqual([list[0]?.offset, list[0]?.time]);
          expect(sut.bytes).toBe(list.reduce((sum, { payload }) => sum + Buffer.byteLength(payload) + 12, 0));
          expect(sut.capacity).toBeLessThanOrEqual(Math.max(4 * sut.bytes, list.length === 0 ? 0 : 256));
          expect(sut.range(0, Infinity)).toEqual(list);
          const middle = offset - 5;
          expect(sut.range(middle, middle + 2)).toEqual(
            list.filter((publication) => publication.offset >= middle && publication.offset <= middle + 2),
          );
        }
      }),
    );
  });

  it('gives the garbage collector nothing to visit, and releases the memory of what it trims', () => {
    const sut = new PublicationLog();
    const before = heapUsed();
    for (let offset = 1; offset <= 1_000_000; offset += 1) sut.append({ offset, time: offset, payload: '' });
    expect(heapUsed() - before).toBeLessThan(2 ** 20);
    expect(sut.capacity).toBeLessThan(2 * sut.bytes);
    sut.trim(1, 0);
    expect(sut.capacity).toBe(256);
    expect(sut.range(0, Infinity)).toEqual([{ offset: 1_000_000, time: 1_000_000, payload: '' }]);
  });

  it('shares no memory between logs', () => {
    const logs = Array.from({ length: 1_000 }, () => new PublicationLog());
    const payloads = logs.map((_, index) => `${index}`.padEnd(1 + (index % 300), 'x'));
    for (const [index, log] of logs.entries()) {
      for (let offset = 1; offset <= 3; offset += 1) log.append({ offset, time: 0, payload: payloads[index] ?? '' });
    }
    for (const [index, log] of logs.entries()) {
      expect(log.range(1, 3).map(({ payload }) => payload)).toEqual(Array(3).fill(payloads[index]));
    }
  });
});
