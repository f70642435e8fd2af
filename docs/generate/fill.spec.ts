import { describe, expect, it } from 'vitest';
import { filled } from './fill.js';

const place = (name: string, text: string): string =>
  `<!-- ${name}: npm run generate:figures -->\n\n${text}\n\n<!-- end of ${name} -->`;

describe('a page with generated tables', () => {
  it('has each table in its place, and everything else as it was', () => {
    const page = `# Title\n\n${place('one', 'old')}\n\nBetween.\n\n${place('two', 'old')}\n`;
    expect(filled(page, { one: 'new $&', two: 'other' })).toBe(
      `# Title\n\n${place('one', 'new $&')}\n\nBetween.\n\n${place('two', 'other')}\n`,
    );
  });

  it('is refused if a table has no place, or its place has no end', () => {
    expect(() => filled('# Title', { one: 'new' })).toThrow('it has no place for one');
    expect(() => filled('<!-- one: npm run generate:figures -->', { one: 'new' })).toThrow('it has no place for one');
  });

  it('is refused if a place has no table', () => {
    expect(() => filled(place('one', 'old'), {})).toThrow('there is no table for its place "one"');
  });
});
