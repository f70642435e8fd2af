/** 2^50: sums of a few of them are still exact, in JavaScript and in a bigint. */
const LARGEST = 1_125_899_906_842_624;

/** A number of items or bytes; `Infinity` is a very large one. */
export function size(value: number): number {
  return Math.min(Math.max(Math.floor(value), 0), LARGEST);
}

/** A duration; `Infinity` is a very long one. */
export function milliseconds(value: number): number {
  return Math.min(Math.max(Math.ceil(value), 0), LARGEST);
}
