import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/** Sizes in the files of a RabbitMQ stream: https://github.com/rabbitmq/osiris/blob/main/src/osiris_log.erl */
const FILE_HEADER = 8;
const CHUNK_HEADER = 48;
const INDEX_RECORD = 29;

interface Chunk {
  readonly position: number;
  readonly records: number;
}

/**
 * Cuts the last entries of a stream off: at least as many as asked for, or all but the first of the last segment. The node must
 * not run.
 *
 * @param data the node's directory of data.
 */
export async function truncateStream(data: string, queue: string, count: number): Promise<void> {
  const directory = await directoryOf(data, queue);
  const segment = (await readdir(directory)).toSorted().findLast((file) => file.endsWith('.segment'));
  if (segment === undefined) throw new Error(`no segment in ${directory}`);
  const path = join(directory, segment);
  const chunks = chunksOf(await readFile(path));
  let lost = 0;
  let kept = chunks.length;
  for (const { records } of chunks.slice(1).toReversed()) {
    if (lost >= count) break;
    lost += records;
    kept -= 1;
  }
  const end = chunks[kept]?.position;
  if (end === undefined) throw new Error('the segment has no entries that can be cut off');
  await truncate(path, end);
  await truncate(path.replace(/segment$/, 'index'), FILE_HEADER + kept * INDEX_RECORD);
}

async function directoryOf(data: string, queue: string): Promise<string> {
  const files = await readdir(data, { recursive: true, withFileTypes: true });
  // The virtual host, the name and the time at which the stream was created.
  const prefix = `__${queue.replaceAll(/[^\w-]/g, '_')}_`;
  const found = files.findLast((file) => file.isDirectory() && file.name.startsWith(prefix));
  if (found === undefined) throw new Error(`no stream for ${queue} in ${data}`);
  return join(found.parentPath, found.name);
}

function chunksOf(segment: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let position = FILE_HEADER; position < segment.length;) {
    const [filter, data] = [segment.readUInt8(position + 44), segment.readUInt32BE(position + 36)];
    const trailer = segment.readUInt32BE(position + 40);
    chunks.push({ position, records: segment.readUInt32BE(position + 4) });
    position += CHUNK_HEADER + filter + data + trailer;
  }
  return chunks;
}
