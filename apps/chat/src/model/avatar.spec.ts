import { describe, expect, it } from 'vitest';
import { hueOf, initials } from './avatar.js';

describe('initials', () => {
  it.each([
    ['Ada Lovelace', 'AL'],
    ['ada', 'A'],
    ['deploy-bot', 'DB'],
    ['Ömer Faruk Yıldız', 'ÖY'],
    ['👩‍💻 Zoë', '👩‍💻Z'],
    ['', ''],
  ])('of %j are %j', (name, expected) => {
    expect(initials(name)).toBe(expected);
  });
});

describe('hueOf', () => {
  it('is the same for the same id, and spreads over the circle', () => {
    const hues = Array.from({ length: 360 }, (_, index) => hueOf(`user:guest-${index}`));
    expect(hueOf('user:guest-0')).toBe(hues[0]);
    expect(hues.every((hue) => hue >= 0 && hue < 360)).toBe(true);
    expect(new Set(hues.map((hue) => Math.floor(hue / 30))).size).toBe(12);
  });
});
