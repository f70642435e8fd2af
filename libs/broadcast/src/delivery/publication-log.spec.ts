import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredPublication } from '../broker.js';
import { heapUsed } from '../testing/heap-used.js';
import { PublicationLog } from './publication-log.js';

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
              const publication = { offset, time: offset, payload: `${offset}` };
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
          expect(sut.oldest).toBe(list[0]);
          expect(sut.range(0, Infinity)).toEqual(list);
          const middle = offset - 5;
          expect(sut.range(middle, middle + 2)).toEqual(
            list.filter((publication) => publication.offset >= middle && publication.offset <= middle + 2),
          );
        }
      }),
    );
  });

  it('releases the memory of what it trims', () => {
    const sut = new PublicationLog();
    const before = heapUsed();
    for (let offset = 1; offset <= 1_000_000; offset += 1) sut.append({ offset, time: offset, payload: '' });
    expect(heapUsed() - before).toBeGreaterThan(20 * 2 ** 20);
    sut.trim(1, 0);
    expect(heapUsed() - before).toBeLessThan(2 ** 20);
    expect(sut.range(0, Infinity)).toEqual([{ offset: 1_000_000, time: 1_000_000, payload: '' }]);
  });
});
