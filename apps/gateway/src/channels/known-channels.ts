/** Bits per generation: 32 KiB hold about 30,000 names before one in eight is mistaken for another. */
const BITS = 2 ** 18;
const GENERATION_MS = 600_000;
/** With more names, too many unknown ones would look known. */
const MAX_NAMES = 32_768;

/**
 * Remembers which channels were used lately, in a fixed amount of memory (as a Bloom filter does). It may take a new
 * channel for a known one, and forgets under a flood of names. That is good enough to count how many new channels a
 * user brings.
 */
export class KnownChannels {
  private readonly seed = Math.floor(Math.random() * 2 ** 32);
  private present = new Uint8Array(BITS / 8);
  private before = new Uint8Array(BITS / 8);
  private names = 0;
  private begun = performance.now();

  has(name: string): boolean {
    const bit = this.bitOf(name);
    const [index, mask] = [bit >> 3, 1 << (bit & 7)];
    if (((this.present[index] ?? 0) & mask) !== 0) return true;
    if (((this.before[index] ?? 0) & mask) === 0) return false;
    // It was used again, so keep it for another generation.
    this.add(name);
    return true;
  }

  add(name: string): void {
    if (this.names >= MAX_NAMES || performance.now() - this.begun > GENERATION_MS) this.turn();
    const bit = this.bitOf(name);
    const index = bit >> 3;
    this.present[index] = (this.present[index] ?? 0) | (1 << (bit & 7));
    this.names += 1;
  }

  /** FNV-1a with a random seed. */
  private bitOf(name: string): number {
    let hash = this.seed;
    for (let index = 0; index < name.length; index += 1) {
      hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    }
    return ((hash ^ (hash >>> 15)) >>> 0) % BITS;
  }

  private turn(): void {
    [this.before, this.present] = [this.present, this.before.fill(0)];
    this.names = 0;
    this.begun = performance.now();
  }
}
