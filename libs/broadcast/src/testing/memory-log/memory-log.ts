import type { LogBounds, LogEntry, LogOffset, LogStart } from '../../log/log-adapter.js';
import type { PlainMessage } from '../../plain-messages.js';
import { MemoryLogAdapter } from './memory-log-adapter.js';

/** What happens to an entry that arrives at the server. */
export type Fate =
  | 'stored'
  /** Not stored, and the answer says so. */
  | 'refused'
  /** Stored, without an answer. */
  | 'unacknowledged'
  /** Neither stored nor answered. */
  | 'lost'
  /** Stored twice, as by a client library that retries. */
  | 'twice';

export interface MemoryLogOptions {
  readonly partitions?: number;
  readonly maxEntry?: number;
  readonly appendsAtOnce?: number;
  /** Whether the server knows the bounds of a partition and its incarnation. */
  readonly bounds?: boolean;
  /** Whether entries have the server's time. */
  readonly clock?: boolean;
  /** Whether some offsets are never used, sometimes also the last one. */
  readonly holes?: boolean;
  /** Whether readers are notified that entries they have read are gone; otherwise their connections only close. */
  readonly reportsCuts?: boolean;
  /** ms until an entry is stored, or an answer sent. */
  readonly delay?: () => number;
  /** ms after which clients of a server that hangs consider their connection lost. */
  readonly heartbeat?: number;
  /** Returns ms since the Unix epoch. */
  readonly now?: () => number;
}

/** Every third append leaves a hole of this many offsets behind it. */
const HOLE = 2;

class Partition {
  entries: LogEntry[] = [];
  next: LogOffset = 0;
  /** The offset of the first entry that has not been trimmed. */
  first: LogOffset = 0;
  appends = 0;

  constructor(public incarnation: number) {}

  /** The index of the first entry to read. */
  index(start: LogStart): number {
    if (start === 'first') return 0;
    if (start === 'next') return this.entries.length;
    const isReached = (entry: LogEntry): boolean =>
      'offset' in start ? entry.offset >= start.offset : (entry.time ?? 0) >= start.time;
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.entries[middle];
      if (entry !== undefined && isReached(entry)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/**
 * A server with a partitioned log in memory, for tests of what is built on logs: it can do everything that servers have been seen
 * to do. Several pods of one process connect to it.
 */
export class MemoryLog {
  readonly options: Required<MemoryLogOptions>;
  /** Decides for each entry that arrives. */
  fate: (partition: number, data: Uint8Array) => Fate = () => 'stored';
  readonly #partitions: Partition[];
  readonly #adapters = new Set<MemoryLogAdapter>();
  #incarnations = 0;
  #isRunning = true;
  #time = 0;

  constructor(options: MemoryLogOptions = {}) {
    this.options = {
      partitions: 4,
      maxEntry: 65_536,
      appendsAtOnce: 2,
      bounds: true,
      clock: true,
      holes: false,
      reportsCuts: true,
      delay: () => 0,
      heartbeat: 1_000,
      now: Date.now,
      ...options,
    };
    this.#partitions = Array.from({ length: this.options.partitions }, () => this.#newPartition());
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** The adapters that have been started and not closed. */
  get adapters(): ReadonlySet<MemoryLogAdapter> {
    return this.#adapters;
  }

  /** Another pod's adapter, not started yet. */
  connect(): MemoryLogAdapter {
    return new MemoryLogAdapter(this);
  }

  attach(adapter: MemoryLogAdapter): void {
    this.#adapters.add(adapter);
  }

  detach(adapter: MemoryLogAdapter): void {
    this.#adapters.delete(adapter);
  }

  /** @param plain if a backend publishes it directly. */
  store(partition: number, data: Uint8Array, plain?: PlainMessage): void {
    const stored = this.#at(partition);
    // A server's clock does not go back within a partition.
    this.#time = Math.max(this.#time, this.options.now());
    const time = this.options.clock ? this.#time : undefined;
    stored.entries.push({ offset: stored.next, time, data, ...(plain !== undefined && { plain }) });
    stored.next += 1;
    stored.appends += 1;
    if (this.options.holes && stored.appends % 3 === 0) stored.next += HOLE;
    for (const adapter of this.#adapters) adapter.wake(partition);
  }

  bounds(partition: number): LogBounds {
    const { entries, next, incarnation } = this.#at(partition);
    return { incarnation: `${incarnation}`, first: entries[0]?.offset ?? next, next };
  }

  read(partition: number, start: LogStart, limit: number): readonly LogEntry[] {
    const { entries } = this.#at(partition);
    const index = this.#at(partition).index(start);
    return entries.slice(index, index + limit);
  }

  /** Closes all connections; clients connect again at once. */
  cut(): void {
    for (const adapter of this.#adapters) adapter.disconnect();
  }

  stop(): void {
    this.#isRunning = false;
    for (const adapter of this.#adapters) adapter.disconnect();
  }

  run(): void {
    this.#isRunning = true;
    for (const adapter of this.#adapters) adapter.reconnect();
  }

  /** Answers nobody until {@link resume}. What clients send meanwhile is stored then, also if they do not wait any more. */
  hang(): void {
    for (const adapter of this.#adapters) adapter.hang();
  }

  resume(): void {
    for (const adapter of this.#adapters) adapter.resume();
  }

  /** Deletes all partitions and creates them again. */
  recreate(): void {
    for (const index of this.#partitions.keys()) {
      this.#partitions[index] = this.#newPartition();
      for (const adapter of this.#adapters) adapter.endReader(index, 'the log was deleted', this.options.reportsCuts);
    }
  }

  /** Loses the latest entries of a partition. Their offsets are used again. @param isSilent whether no reader notices. */
  truncate(partition: number, count: number, isSilent = false): void {
    const cut = this.#at(partition);
    cut.entries = cut.entries.slice(0, Math.max(cut.entries.length - count, 0));
    cut.next = (cut.entries.at(-1)?.offset ?? cut.first - 1) + 1;
    if (isSilent) return;
    for (const adapter of this.#adapters) adapter.endReader(partition, 'the log was cut', this.options.reportsCuts);
  }

  /** Drops the entries before an offset, as retention does. */
  trim(partition: number, offset: LogOffset): void {
    const trimmed = this.#at(partition);
    trimmed.entries = trimmed.entries.slice(trimmed.index({ offset }));
    trimmed.first = trimmed.entries[0]?.offset ?? trimmed.next;
  }

  #newPartition(): Partition {
    this.#incarnations += 1;
    return new Partition(this.#incarnations);
  }

  #at(partition: number): Partition {
    const found = this.#partitions[partition];
    if (found === undefined) throw new RangeError(`there is no partition ${partition}`);
    return found;
  }
}
