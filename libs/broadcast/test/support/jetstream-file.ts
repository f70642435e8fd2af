import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/** Set in the length of a message with headers. */
const HEADERS = 0x80_00_00_00;
const LENGTH_SIZE = 4;

/**
 * Removes the last messages from the file of a stream, but not the first one, as if they had not been written to the disk before a power cut. The
 * server must not run.
 *
 * The file is a sequence of records that begin with their length: `writeMsgRecord` in nats-server's filestore.go.
 */
export async function cutMessages(store: string, stream: string, count: number): Promise<void> {
  const directory = join(store, 'jetstream', '$G', 'streams', stream, 'msgs');
  const files = (await readdir(directory)).filter((name) => name.endsWith('.blk'));
  const [file] = files.toSorted((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10));
  if (file === undefined) throw new Error(`${stream} has no file`);
  const path = join(directory, file);
  const data = await readFile(path);
  const begins: number[] = [];
  for (let at = 0; at + LENGTH_SIZE <= data.length; at += (data.readUInt32LE(at) & ~HEADERS) >>> 0) begins.push(at);
  const cut = begins.slice(1).at(-count) ?? begins[1];
  if (cut === undefined) throw new Error(`${stream} has no second message in its last file`);
  await truncate(path, cut);
}
