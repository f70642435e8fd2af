import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches as sut } from './pattern.js';

describe('a pattern', () => {
  it.each<[string, string, boolean]>([
    ['chat:lobby', 'chat:lobby', true],
    ['chat:lobby', 'chat:lobby2', false],
    ['chat:lobby', 'achat:lobby', false],
    ['*', '', true],
    ['*', 'anything:at/all', true],
    ['chat:*', 'chat:', true],
    ['chat:*', 'chat:a:b', true],
    ['chat:*', 'chat', false],
    ['*:a', 'b:a', true],
    ['*:a', 'b:a:c', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'a-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['a*bc*c', 'abc', false],
    ['a**b', 'ab', true],
    ['chat:.', 'chat:x', false],
    ['', '', true],
    ['', 'x', false],
  ])('%j matches %j: %j', (pattern, text, expected) => {
    expect(sut(pattern, text)).toBe(expected);
  });

  it('matches the same texts as an equivalent regular expression', () => {
    // Only two letters, so that repeated and overlapping parts are common.
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 });
    fc.assert(
      fc.property(word, text, (pattern, candidate) => {
        const model = new RegExp(`^${pattern.replaceAll('*', '[^]*')}$`);
        expect(sut(pattern, candidate)).toBe(model.test(candidate));
      }),
      { numRuns: 5_000 },
    );
  });

  it('takes time that grows linearly with the text, not exponentially', () => {
    const begun = process.cpuUsage();
    expect(sut(`${'a*'.repeat(100)}b`, 'a'.repeat(100_000))).toBe(false);
    expect(process.cpuUsage(begun).user).toBeLessThan(500_000);
  });
});
