import { describe, expect, it } from 'vitest';
import { SLOTS, tagInSlot, tagSlot } from './key-slot.js';

describe('the slot of a hash tag', () => {
  // Answers of CLUSTER KEYSLOT.
  it.each([
    ['123456789', 12_739],
    ['foo', 12_182],
    ['', 0],
    ['Grüße', 8_844],
  ])('%j is in %i', (tag, slot) => {
    expect(tagSlot(tag)).toBe(slot);
  });

  it('ends at the first closing brace', () => {
    expect(tagSlot('foo}bar')).toBe(tagSlot('foo'));
  });

  it.each([0, 1, 8_191, SLOTS - 1])('a tag is found for slot %i', (slot) => {
    expect(tagSlot(tagInSlot(slot))).toBe(slot);
  });
});
