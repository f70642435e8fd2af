const SEED = 0x9747_b28c;
const M = 0x5bd1_e995;
const R = 24;

/**
 * The partition of a channel, or of a user. It is the same as that of Kafka's default partitioner for a record with this key, so that
 * backends that publish to Kafka directly need no special one.
 *
 * @see https://github.com/apache/kafka/blob/trunk/clients/src/main/java/org/apache/kafka/common/utils/Utils.java murmur2
 */
export function partitionOf(name: string, partitions: number): number {
  return (murmur2(Buffer.from(name)) & 0x7fff_ffff) % partitions;
}

/** MurmurHash2 by Austin Appleby, as an integer with a sign. */
function murmur2(data: Buffer): number {
  const { length } = data;
  const rest = length & 3;
  let hash = SEED ^ length;
  for (let index = 0; index < length - rest; index += 4) {
    let word = Math.imul(data.readInt32LE(index), M);
    word ^= word >>> R;
    hash = Math.imul(hash, M) ^ Math.imul(word, M);
  }
  if (rest > 0) {
    for (let index = rest - 1; index >= 0; index -= 1) hash ^= (data[length - rest + index] ?? 0) << (8 * index);
    hash = Math.imul(hash, M);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, M);
  return hash ^ (hash >>> 15);
}
