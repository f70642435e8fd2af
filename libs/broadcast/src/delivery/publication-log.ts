import type { StoredPublication } from '../broker.js';
import { withinBytes } from '../within-bytes.js';
import { allocate } from './long-lived-buffers.js';

/** Before each payload: its time as a double, and its length in bytes. */
const TIME_BYTES = 8;
const HEADER_BYTES = TIME_BYTES + 4;

/** UTF-8 takes at most so many bytes for a UTF-16 code unit. */
const MAX_BYTES_PER_UNIT = 3;

const SMALLEST_CAPACITY = 256;

const NOTHING = Buffer.alloc(0);

/**
 * The kept publications of a stream, whose offsets are consecutive. They are one after the other in one buffer, not objects: the garbage
 * collector, which would copy each of them twice and then mark it again and again, has nothing to visit.
 */
export class PublicationLog {
  #buffer: Buffer = NOTHING;
  /** Where the oldest begins, and where the newest ends. */
  #start = 0;
  #end = 0;
  #length = 0;
  #oldestOffset = 0;
  #oldestTime = 0;

  get length(): number {
    return this.#length;
  }

  /** The bytes of all publications. */
  get bytes(): number {
    return this.#end - this.#start;
  }

  /** The bytes of memory that they take. At most four times as many as {@link bytes}, and usually less than twice as many. */
  get capacity(): number {
    return this.#buffer.length;
  }

  get oldestOffset(): number | undefined {
    return this.#length === 0 ? undefined : this.#oldestOffset;
  }

  /** In ms since the Unix epoch. */
  get oldestTime(): number | undefined {
    return this.#length === 0 ? undefined : this.#oldestTime;
  }

  append({ offset, time, payload }: StoredPublication): void {
    // Counting the bytes takes as long as writing them, and is rarely necessary.
    const most = HEADER_BYTES + MAX_BYTES_PER_UNIT * payload.length;
    if (this.#buffer.length - this.#end < most) this.#makeRoom(HEADER_BYTES + Buffer.byteLength(payload));
    const start = this.#end;
    const length = this.#buffer.write(payload, start + HEADER_BYTES);
    this.#buffer.writeDoubleLE(time, start);
    this.#buffer.writeUInt32LE(length, start + TIME_BYTES);
    this.#end = start + HEADER_BYTES + length;
    if (this.#length === 0) {
      this.#oldestOffset = offset;
      this.#oldestTime = time;
    }
    this.#length += 1;
  }

  /** Drops the oldest beyond `size`, and those of `time` and before. @returns how many. */
  trim(size: number, time: number): number {
    const length = this.#length;
    while (this.#length > 0 && (this.#length > size || this.#oldestTime <= time)) this.#dropOldest();
    if (this.#length < length) this.#shrink();
    return length - this.#length;
  }

  /** The publications with offsets from `first` to `last`, oldest first. */
  range(first: number, last: number): StoredPublication[] {
    const publications: StoredPublication[] = [];
    const end = Math.min(last, this.#oldestOffset + this.#length - 1);
    let start = this.#start;
    for (let offset = this.#oldestOffset; offset <= end; offset += 1) {
      const next = this.#after(start);
      if (offset >= first) {
        const payload = this.#buffer.toString('utf8', start + HEADER_BYTES, next);
        publications.push({ offset, time: this.#buffer.readDoubleLE(start), payload });
      }
      start = next;
    }
    return publications;
  }

  #dropOldest(): void {
    this.#start = this.#after(this.#start);
    this.#length -= 1;
    this.#oldestOffset += 1;
    if (this.#length > 0) this.#oldestTime = this.#buffer.readDoubleLE(this.#start);
  }

  /** Where the publication ends that begins at `start`. */
  #after(start: number): number {
    return start + HEADER_BYTES + this.#buffer.readUInt32LE(start + TIME_BYTES);
  }

  /**
   * Moves what is kept to the start of the buffer if that leaves half of it free, and to a larger one otherwise. Many channels never have
   * more than one publication, so there is no room for more at first.
   */
  #makeRoom(bytes: number): void {
    const wanted = this.bytes + bytes;
    if (wanted * 2 <= this.#buffer.length) this.#moveTo(this.#buffer);
    else if (this.#buffer.length - this.#end < bytes) this.#moveTo(allocate(Math.max(this.#length === 0 ? wanted : wanted * 2, SMALLEST_CAPACITY)));
  }

  /** At a quarter, not at half: an append after a trim should not make it grow again. */
  #shrink(): void {
    if (this.#length === 0) {
      this.#buffer = NOTHING;
      this.#start = 0;
      this.#end = 0;
    } else if (this.#buffer.length > SMALLEST_CAPACITY && this.bytes * 4 <= this.#buffer.length) {
      this.#moveTo(allocate(Math.max(this.bytes * 2, SMALLEST_CAPACITY)));
    }
  }

  #moveTo(target: Buffer): void {
    this.#end = this.#buffer.copy(target, 0, this.#start, this.#end);
    this.#start = 0;
    this.#buffer = target;
  }
}

/** As many publications as `HistoryQuery.maxBytes` permits. */
export function pageOf(publications: readonly StoredPublication[], maxBytes = Infinity): readonly StoredPublication[] {
  return withinBytes(publications, maxBytes, ({ payload }) => Buffer.byteLength(payload), 1);
}
