/** A share of 1, for people. */
export function percent(share: number, fraction = 0): string {
  return `${(share * 100).toFixed(fraction)} %`;
}
