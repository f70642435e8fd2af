import type { Partition } from '../partition/partition.js';

/** How many partitions are listed. */
const LISTED = 5;

/** Why some partitions cannot be used, and which; undefined if all can. */
export function partitionsProblem(partitions: readonly Partition[]): string | undefined {
  const unusable = partitions.filter(({ problem }) => problem !== undefined);
  const [first] = unusable;
  if (first === undefined) return undefined;
  if (unusable.length === partitions.length) return first.problem;
  const listed = unusable.slice(0, LISTED).map(({ index }) => index);
  const more = unusable.length > LISTED ? ` and ${unusable.length - LISTED} more` : '';
  return `${first.problem} (partition${unusable.length > 1 ? 's' : ''} ${listed.join(', ')}${more} of ${partitions.length})`;
}
