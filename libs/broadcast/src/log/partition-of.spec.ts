import { expect, it } from 'vitest';
import { partitionOf } from './partition-of.js';

// From Kafka's own test of its hash (UtilsTest.testMurmur2), without the sign.
it.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('a record with the key %s is in the partition that Kafka puts it in', (key, hash) => {
  for (const partitions of [1, 8, 16, 64]) expect(partitionOf(key, partitions)).toBe((hash & 0x7fff_ffff) % partitions);
});
