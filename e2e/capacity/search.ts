/** How often the interval between a rate that passed and one that failed is halved. */
const BISECTIONS = 3;

/** The part of a rate that is tried next if not even that passes. */
const LESS = 0.75;

/** The result of a trial of a rate. */
export interface Trial {
  readonly passed: boolean;
}

/**
 * Finds about the highest rate that passes: by doubling with quick trials, and then by bisection with full ones.
 *
 * @returns the full trial of that rate.
 * @throws Error if no rate passes.
 */
export async function highest<T extends Trial>(
  from: number,
  quick: (rate: number) => Promise<Trial>,
  full: (rate: number) => Promise<T>,
): Promise<T> {
  let high = from;
  while ((await quick(high)).passed) high *= 2;
  let low = high / 2;
  let best: T | undefined;
  for (let tried = 0; tried < BISECTIONS || best === undefined; tried += 1) {
    const rate = Math.floor(tried < BISECTIONS ? (low + high) / 2 : low);
    if (rate < 1) throw new Error('no rate passes');
    const trial = await full(rate);
    if (trial.passed) [best, low] = [trial, rate];
    else if (tried < BISECTIONS) high = rate;
    // The quick trials promised too much.
    else low *= LESS;
  }
  return best;
}
