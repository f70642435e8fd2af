import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fromStored, toStored } from './text.js';

it('any text is stored without NUL, and read back unchanged', () => {
  const text = fc.array(fc.constantFrom('\0', '\u0001', '0', '1', 'ä')).map((characters) => characters.join(''));
  fc.assert(
    fc.property(text, (original) => {
      expect(toStored(original)).not.toContain('\0');
      expect(fromStored(toStored(original))).toBe(original);
    }),
  );
});

it('ordinary texts are stored as they are', () => {
  expect(toStored('Grüße, 世界 👋')).toBe('Grüße, 世界 👋');
});
