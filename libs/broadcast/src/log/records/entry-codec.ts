import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, InvalidBytesError } from './bytes.js';
import { readRecord, writeRecord } from './record-codec.js';
import type { LogRecord } from './records.js';

/** No text begins with this byte, in UTF-8, UTF-16 or UTF-32: an entry that begins otherwise is not the engine's. */
const MAGIC = 0xf5;
/** Of the layout of an entry, and of the records of today. */
const VERSION = 1;
/** Magic, version, and the checksum of what follows. */
const HEADER = 6;

/** Bytes of an entry without its records, at most. */
export const ENTRY_OVERHEAD = HEADER + 64;
/** No clock is that late, in ms since the Unix epoch. */
const LATEST = 2 ** 45;
/** Bytes that a record takes in addition to its own. */
const RECORD_OVERHEAD = 8;

export interface PodEntry {
  readonly pod: string;
  /** Grows with every entry of the pod in a partition. An entry that comes twice or too late is recognized by it. */
  readonly number: number;
  /** The pod's clock, in ms since the Unix epoch. */
  readonly clock: number;
}

export interface DecodedEntry extends PodEntry {
  readonly records: readonly LogRecord[];
}

export type Decoded =
  | { readonly kind: 'entry'; readonly entry: DecodedEntry; readonly checksum: number }
  /** Written by a later release: it cannot be understood, and what follows depends on it. */
  | { readonly kind: 'newer'; readonly checksum: number }
  /** Not the engine's. */
  | { readonly kind: 'foreign'; readonly checksum: number };

const writer = new ByteWriter();

/** A record as it is packed into entries. */
export function encodeRecord(record: LogRecord): Buffer {
  writeRecord(writer, record);
  return writer.take();
}

/** Bytes that a record takes of an entry. */
export function packedSize(record: Uint8Array): number {
  return record.length + RECORD_OVERHEAD;
}

/** Bytes of a record that an entry has room for. */
export function maxRecord({ maxEntry }: { readonly maxEntry: number }): number {
  return maxEntry - ENTRY_OVERHEAD - RECORD_OVERHEAD;
}

export function encodeEntry({ pod, number, clock }: PodEntry, records: readonly Uint8Array[]): Buffer {
  writer.byte(MAGIC);
  writer.byte(VERSION);
  for (let index = 2; index < HEADER; index += 1) writer.byte(0);
  writer.text(pod);
  writer.uint(number);
  writer.uint(Math.max(Math.round(clock), 0));
  for (const record of records) {
    writer.uint(record.length);
    writer.bytes(record);
  }
  const bytes = writer.take();
  bytes.writeUInt32BE(crc32(bytes.subarray(HEADER)), 2);
  return bytes;
}

export function decodeEntry(data: Uint8Array): Decoded {
  const bytes = Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length < HEADER || bytes[0] !== MAGIC) return { kind: 'foreign', checksum: crc32(bytes) };
  const checksum = crc32(bytes.subarray(HEADER));
  if (bytes.readUInt32BE(2) !== checksum) return { kind: 'foreign', checksum };
  if (bytes[1] !== VERSION) return { kind: 'newer', checksum };
  try {
    const entry = readEntry(new ByteReader(bytes, HEADER));
    return { kind: entry.records.some(({ kind }) => kind === 'unknown') ? 'newer' : 'entry', entry, checksum };
  } catch (error) {
    if (error instanceof InvalidBytesError) return { kind: 'foreign', checksum };
    throw error;
  }
}

function readEntry(from: ByteReader): DecodedEntry {
  const [pod, number, clock] = [from.text(), from.uint(), from.uint()];
  if (clock >= LATEST) throw new InvalidBytesError('the clock is unreasonable');
  const records: LogRecord[] = [];
  while (!from.isAtEnd) {
    const part = from.part(from.uint());
    const record = readRecord(part);
    if (record.kind !== 'unknown') part.end();
    records.push(record);
  }
  return { pod, number, clock, records };
}
