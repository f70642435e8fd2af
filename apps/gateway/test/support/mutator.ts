/** Pseudorandom numbers that are the same for the same seed (mulberry32). */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

/**
 * Creates inputs from a corpus: takes one and sometimes changes it in up to four places, in ways that typically break
 * parsers: another byte, a removed part, a duplicated part, a part of another input, a keyword.
 */
export class Mutator {
  private readonly below: (bound: number) => number;

  constructor(
    private readonly corpus: readonly Buffer[],
    private readonly words: readonly Buffer[],
    seed: number,
  ) {
    this.below = random(seed);
  }

  next(): Buffer {
    let input = this.pick(this.corpus);
    for (let times = this.below(5); times > 0; times -= 1) input = this.mutate(input);
    return input;
  }

  private mutate(input: Buffer): Buffer {
    const at = this.below(input.length + 1);
    const length = this.below(Math.min(16, input.length - at) + 1);
    const [before, behind] = [input.subarray(0, at), input.subarray(at + length)];
    switch (this.below(6)) {
      case 0: {
        const copy = Buffer.from(input);
        if (at < copy.length) copy[at] = this.below(256);
        return copy;
      }
      case 1:
        return Buffer.concat([before, behind]);
      case 2:
        return Buffer.concat([before, input.subarray(at, at + length), input.subarray(at)]);
      case 3: {
        const other = this.pick(this.corpus);
        return Buffer.concat([before, other.subarray(this.below(other.length + 1))]).subarray(0, 8_192);
      }
      case 4:
        return Buffer.concat([before, this.pick(this.words), behind]);
      default:
        return before;
    }
  }

  private pick(list: readonly Buffer[]): Buffer {
    return list[this.below(list.length)] ?? Buffer.alloc(0);
  }
}
