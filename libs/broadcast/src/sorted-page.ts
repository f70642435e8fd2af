/** How many candidates beyond a page are collected before they are sorted. */
const SLACK = 256;

/** Of the names after `after` that begin with `prefix`, the first `limit` in order of code units. */
export function sortedPage(names: Iterable<string>, prefix: string, after: string, limit: number): string[] {
  let candidates: string[] = [];
  let last: string | undefined;
  for (const name of names) {
    if (name <= after || (last !== undefined && name > last) || !name.startsWith(prefix)) continue;
    candidates.push(name);
    // Sorts now and then instead of all names at the end: there may be a million of them for a page of a hundred.
    if (candidates.length < limit * 2 + SLACK) continue;
    candidates = candidates.toSorted().slice(0, limit);
    last = candidates.at(-1);
  }
  return candidates.toSorted().slice(0, limit);
}
