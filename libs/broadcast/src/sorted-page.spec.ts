import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sortedPage } from './sorted-page.js';

describe('sortedPage', () => {
  it('returns the same as sorting everything', () => {
    const names = fc.uniqueArray(
      fc.string({ unit: fc.constantFrom('a', 'b', 'B', ':', '1'), maxLength: 8, minLength: 1 }),
      {
        maxLength: 2_000,
        size: 'max',
      },
    );
    const prefix = fc.constantFrom('', 'a', 'b:', 'B1');
    const limit = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant(Infinity));
    fc.assert(
      fc.property(names, prefix, fc.constantFrom('', 'a', 'a1', 'b:1'), limit, (all, start, after, most) => {
        expect(sortedPage(all, start, after, most)).toEqual(
          all
            .filter((name) => name.startsWith(start) && name > after)
            .toSorted()
            .slice(0, most),
        );
      }),
    );
  });

  it('pages through all names', () => {
    const names = Array.from({ length: 5_000 }, (_, index) => `channel ${(index * 7_919) % 5_000}`);
    const pages: string[] = [];
    for (
      let page = sortedPage(names, '', '', 100);
      page.length > 0;
      page = sortedPage(names, '', pages.at(-1) ?? '', 100)
    ) {
      pages.push(...page);
    }
    expect(pages).toEqual(names.toSorted());
  });
});
