import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isChannel, MAX_CHANNEL_LENGTH, namespaceOf, userChannel } from './channels.js';

const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:/%#'.split('');

/** A grapheme can have many code points. What is encoded in addition, ! and others, takes three characters. */
const isShort = (one: string): boolean => encodeURIComponent(one).length <= MAX_CHANNEL_LENGTH / 3;

describe('a channel name', () => {
  it('has 1-255 of the allowed characters', () => {
    const name = fc.string({ unit: fc.constantFrom(...CHARACTERS), minLength: 1, maxLength: MAX_CHANNEL_LENGTH });
    fc.assert(
      fc.property(name, (one) => {
        expect(isChannel(one)).toBe(true);
      }),
    );
    expect(isChannel('x'.repeat(255))).toBe(true);
    expect(isChannel('x'.repeat(256))).toBe(false);
    expect(isChannel('')).toBe(false);
  });

  it('contains no other character', () => {
    for (let code = 0; code < 0x1_00; code += 1) {
      const character = String.fromCodePoint(code);
      expect(isChannel(`x${character}`), JSON.stringify(character)).toBe(CHARACTERS.includes(character));
    }
    for (const other of ['ä', '語', '\u{1f600}', '\ud800', '\u2028']) expect(isChannel(`x${other}x`)).toBe(false);
  });

  it.each([
    ['@ann', true],
    ['@me', true],
    ['@', false],
    ['@@ann', false],
    ['x@ann', false],
    ['#x', true],
    [':', true],
  ])('%j is valid: %j', (name, expected) => {
    expect(isChannel(name)).toBe(expected);
  });

  it.each([
    ['lobby', ''],
    ['chat:lobby', 'chat'],
    ['chat:a:b', 'chat'],
    [':lobby', ''],
    ['@ann', '@'],
    ['@a:b', '@'],
  ])('%j is in the namespace %j', (name, namespace) => {
    expect(namespaceOf(name)).toBe(namespace);
  });
});

describe("a user's own channel", () => {
  it.each([
    ['ann', '@ann'],
    ['a b', '@a%20b'],
    ['a/b', '@a%2Fb'],
    ['@ann', '@%40ann'],
    ["!~*'()", '@%21%7E%2A%27%28%29'],
    ['語', '@%E8%AA%9E'],
  ])('of %j is %j', (user, channel) => {
    expect(userChannel(user)).toBe(channel);
  });

  it('is a valid channel name, belongs to one user, and contains its id', () => {
    const user = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((one) => one.isWellFormed() && isShort(one));
    fc.assert(
      fc.property(user, user, (one, other) => {
        const channel = userChannel(one);
        expect(isChannel(channel)).toBe(true);
        expect(namespaceOf(channel)).toBe('@');
        expect(decodeURIComponent(channel.slice(1))).toBe(one);
        expect(userChannel(other) === channel).toBe(other === one);
      }),
    );
  });

  it('does not exist for an id that is empty, too long or not Unicode', () => {
    expect(userChannel('x'.repeat(254))).toHaveLength(255);
    for (const user of ['', 'x'.repeat(255), '語'.repeat(29), '\ud800']) {
      expect(() => userChannel(user)).toThrow(RangeError);
    }
  });
});
