export const SLOTS = 16_384;

/** CRC-16/XMODEM, as in the Redis Cluster specification. */
const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc;
});

/** The slot of every key and sharded channel with this hash tag. */
export function tagSlot(tag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashed(tag)))
    crc = ((crc << 8) ^ (CRC_TABLE[((crc >> 8) ^ byte) & 0xff] ?? 0)) & 0xffff;
  return crc % SLOTS;
}

const TAGS = new Map<number, string>();

/** A hash tag in this slot. */
export function tagInSlot(slot: number): string {
  let tag = TAGS.get(slot);
  for (let number = 0; tag === undefined; number += 1) {
    if (tagSlot(`${number}`) === slot) tag = `${number}`;
  }
  TAGS.set(slot, tag);
  return tag;
}

/** A tag ends at its first closing brace. */
function hashed(tag: string): string {
  const end = tag.indexOf('}');
  return end === -1 ? tag : tag.slice(0, end);
}
