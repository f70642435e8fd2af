import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes before those that the length of a batch counts: https://kafka.apache.org/documentation/#recordbatch */
const BATCH_HEAD = 12;
const LENGTH_OFFSET = 8;

/** Removes the last batches, or all if there are fewer, from a partition's log, as if they had never been written. Its server must not run. */
export async function cutBatches(directory: string, count: number): Promise<void> {
  const segments = (await readdir(directory)).filter((name) => name.endsWith('.log')).toSorted();
  const last = segments.at(-1);
  if (last === undefined) throw new Error(`${directory} has no segment`);
  const file = join(directory, last);
  const data = await readFile(file);
  const starts: number[] = [];
  for (let start = 0; start + BATCH_HEAD <= data.length;) {
    starts.push(start);
    start += BATCH_HEAD + data.readInt32BE(start + LENGTH_OFFSET);
  }
  await truncate(file, starts.at(-count) ?? 0);
}
