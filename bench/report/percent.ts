/** A share of 1, for people. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
