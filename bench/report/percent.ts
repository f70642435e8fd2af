/** Formats a share as a percentage. */
export function percent(share: number, fraction = 0): string {
  return `${(share * 100).toFixed(fraction)} %`;
}
