import { Fold, type FoldOptions } from '../fold/fold.js';
import { SnapshotAssembler, type Snapshot } from '../fold/snapshot-assembler.js';
import { SnapshotReader } from '../fold/snapshot-reader.js';
import type { LogEntry, LogOffset } from '../log-adapter.js';
import { decodeEntry } from '../records/entry-codec.js';
import type { LogRecord } from '../records/records.js';

/** What an entry makes possible. */
export type Step =
  /** The state is known as of an entry: it continues with the held ones from there. */
  | { readonly kind: 'known'; readonly fold: Fold }
  /** The same, after the reader has restored it. */
  | { readonly kind: 'snapshot'; readonly reader: SnapshotReader }
  /** A complete snapshot begins further back. */
  | { readonly kind: 'farther'; readonly from: LogOffset };

/** The offset of the first entry is 0 or 1, depending on the server. */
const LARGEST_START = 1;

/** Reads a partition from somewhere on, and holds what it reads until a snapshot in it says what the state is. */
export class Bootstrap {
  readonly #held: LogEntry[] = [];
  readonly #assembler = new SnapshotAssembler(true);
  /** Whether everything so far is not the engine's, or was written to find the end of the log. */
  #isUnused = true;
  /** The last record that begins an era, whether it has an effect or not. */
  #eraAt = -1;

  /** Whether the other pods have been asked for a snapshot. */
  isAsking = false;

  /** @param from where reading begins. @param first the first entry that the log has. @param end where the log ended. */
  constructor(
    readonly from: LogOffset,
    readonly first: LogOffset,
    public end: LogOffset,
    /** Whether a digest has said where to begin: older ones in between do not count. */
    readonly isPointed: boolean,
    readonly options: FoldOptions,
  ) {}

  /** The offset after the last entry. */
  get at(): LogOffset {
    const last = this.#held.at(-1);
    return last === undefined ? this.from : last.offset + 1;
  }

  /** Whether no pod has ever known a state of the partition. */
  get isUnused(): boolean {
    // Of a log that was purged completely, other pods may know the state.
    return this.from <= this.first && this.first <= LARGEST_START && this.#isUnused;
  }

  /** The state before the first entry of a log that is unused. */
  beginning(): Fold {
    const fold = new Fold(this.options);
    fold.at = this.from;
    return fold;
  }

  /** The entries from an offset on. */
  held(from: LogOffset): LogEntry[] {
    return this.#held.filter(({ offset }) => offset >= from);
  }

  /** @returns what can be done, in order: the next one if a snapshot turns out to be invalid. */
  add(entry: LogEntry): readonly Step[] {
    this.#held.push(entry);
    const decoded = decodeEntry(entry.data);
    if (decoded.kind !== 'entry') return [];
    const { records } = decoded.entry;
    if (records.some(({ kind }) => kind !== 'mark' && kind !== 'ask')) this.#isUnused = false;
    return records.flatMap((record) => this.#step(record, entry.offset) ?? []);
  }

  #step(record: LogRecord, offset: LogOffset): Step | undefined {
    if (record.kind === 'state') return this.#restore(this.#assembler.add(record));
    if (record.kind === 'era') {
      // All pods agree on it only if no era that this pod does not know of began after its cause.
      const isNext = record.cause >= Math.max(this.from, this.first) && record.cause > this.#eraAt;
      this.#eraAt = offset;
      if (!isNext) return undefined;
      const fold = new Fold(this.options);
      fold.at = offset;
      return { kind: 'known', fold };
    }
    if (record.kind !== 'digest' || this.isPointed) return undefined;
    const from = record.snapshots.findLast((start) => start >= this.first);
    return from !== undefined && from < this.from ? { kind: 'farther', from } : undefined;
  }

  #restore(snapshot: Snapshot | undefined): Step | undefined {
    // Entries between the snapshot and what is read are unknown if it is older.
    if (snapshot === undefined || snapshot.asOf < Math.max(this.from, this.first)) return undefined;
    return { kind: 'snapshot', reader: new SnapshotReader(snapshot.parts, snapshot.asOf, this.options) };
  }
}
