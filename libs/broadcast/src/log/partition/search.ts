import { setTimeout as sleep } from 'node:timers/promises';
import type { Fold, FoldOptions } from '../fold/fold.js';
import type { SnapshotReader } from '../fold/snapshot-reader.js';
import type { LogAdapter, LogEntry, LogOffset } from '../log-adapter.js';
import { InvalidBytesError } from '../records/bytes.js';
import { decodeEntry } from '../records/entry-codec.js';
import { Bootstrap, type Step } from './bootstrap.js';
import type { ControlRecords } from './control-records.js';
import type { EntryQueue } from './entry-queue.js';
import { persist } from './persist.js';
import { STEP } from './step.js';

/** Entries before the end of the log in which a snapshot is looked for first; eight times as many in each further round. */
const FIRST_ROUND = 256;
const ROUND_GROWTH = 8;
/** Items of a snapshot that are restored before other work gets its turn. */
const ITEMS = 500;
/** ms between two looks whether the reader has reached the end, if that is a hole. */
const LOOK = 200;
/** ms for which the other pods are asked for a snapshot. */
const ASK_FOR = 5_000;

export interface SearchContext {
  readonly index: number;
  readonly adapter: LogAdapter;
  readonly isOwn: (pod: string) => boolean;
  readonly options: FoldOptions;
  readonly queue: EntryQueue;
  readonly control: ControlRecords;
  readonly onFault: (error: unknown) => void;
  /** As in {@link LogBounds}. */
  readonly onIncarnation: (incarnation: string | undefined) => void;
  /** Neither the log nor another pod knows the state: it begins again. */
  readonly onExpired: () => void;
}

/**
 * Looks for the state of a partition in its log: shortly before the end, then further back, until there is a snapshot. The reader's
 * entries are added to it until the state is known. Then those after the snapshot are in the queue.
 */
export class Search {
  readonly #context: SearchContext;
  readonly #onKnown: (fold: Fold) => void;
  #isOver = false;
  /** Takes the end of the log while that is looked for. */
  #seek: ((end: LogOffset) => void) | undefined;
  #bootstrap: Bootstrap | undefined;
  #fold: Fold | undefined;

  /** @param onKnown receives the state as of an entry. */
  constructor(context: SearchContext, onKnown: (fold: Fold) => void) {
    this.#context = context;
    this.#onKnown = onKnown;
  }

  /** Whether the reader's entries are needed. */
  get isReading(): boolean {
    return this.#seek !== undefined || this.#bootstrap !== undefined;
  }

  /** Whether everything up to the end of the log as it was at the beginning is processed. */
  get hasCaughtUp(): boolean {
    return this.#bootstrap !== undefined && this.at >= this.#bootstrap.end;
  }

  /** The offset after the last entry that was processed. */
  get at(): LogOffset {
    return this.#fold?.at ?? this.#bootstrap?.at ?? 0;
  }

  /** Where the log ended. */
  get end(): LogOffset {
    return this.#bootstrap?.end ?? 0;
  }

  stop(): void {
    this.#isOver = true;
  }

  /** Finds the ends of the log, and begins to read. @param onEnd receives the offset after the last entry. */
  async start(onEnd: (end: LogOffset) => void): Promise<void> {
    const { first, end } = await this.#ends();
    if (this.#isOver) return;
    onEnd(end);
    this.#readFrom(Math.max(end - FIRST_ROUND, first), first, end);
  }

  /** The next entry of the reader. */
  add(entry: LogEntry): void {
    if (this.#seek !== undefined) {
      const decoded = decodeEntry(entry.data);
      if (decoded.kind === 'entry' && this.#context.isOwn(decoded.entry.pod)) this.#seek(entry.offset + 1);
      return;
    }
    const bootstrap = this.#bootstrap;
    if (bootstrap === undefined || entry.offset < bootstrap.at) return;
    const steps = bootstrap.add(entry);
    if (steps.length > 0) this.#take(steps, bootstrap);
  }

  /** The reader has reached the end of the log, and the state is not known. */
  goOn(): void {
    const bootstrap = this.#bootstrap;
    if (bootstrap === undefined || this.#fold !== undefined) return;
    const { from, first, end } = bootstrap;
    if (from > first) {
      // What was read may have been one hole.
      const before = Math.max(end - from, FIRST_ROUND) * ROUND_GROWTH;
      this.#readFrom(Math.max(end - before, first), first, end);
    } else if (bootstrap.isUnused) this.#known(bootstrap.beginning(), bootstrap);
    else if (!bootstrap.isAsking) this.#ask(bootstrap);
  }

  #take([step, ...others]: readonly Step[], bootstrap: Bootstrap): void {
    if (step?.kind === 'snapshot') this.#restore(step.reader, others, bootstrap);
    else if (step?.kind === 'farther') this.#readFrom(step.from, bootstrap.first, bootstrap.end, true);
    else {
      if (step !== undefined) this.#known(step.fold, bootstrap);
      this.#context.queue.resume();
    }
  }

  /** In steps. Meanwhile entries wait in the queue. @param others for the case that the snapshot is not valid. */
  #restore(reader: SnapshotReader, others: readonly Step[], bootstrap: Bootstrap): void {
    this.#context.queue.pause();
    const go = (): void => {
      if (this.#isOver || this.#bootstrap !== bootstrap) return;
      const fold = stepOf(reader);
      if (fold === undefined) setImmediate(go);
      else this.#take(fold === 'invalid' ? others : [{ kind: 'known', fold }], bootstrap);
    };
    go();
  }

  #known(fold: Fold, bootstrap: Bootstrap): void {
    this.#fold = fold;
    this.#onKnown(fold);
    this.#context.queue.unshift(bootstrap.held(fold.at));
  }

  async #ends(): Promise<{ first: LogOffset; end: LogOffset }> {
    const { adapter, index, control, onIncarnation } = this.#context;
    if (adapter.traits.bounds) {
      const { first, next, incarnation } = await adapter.bounds(index, AbortSignal.timeout(STEP));
      if (!this.#isOver) onIncarnation(incarnation);
      return { first, end: next };
    }
    // Nothing says where the log ends: a record that is read back is there.
    const sought = Promise.withResolvers<LogOffset>();
    this.#seek = sought.resolve;
    adapter.tail(index, 'next');
    control.repeat({ kind: 'mark' }, () => !this.#isOver && this.#seek !== undefined);
    const end = await sought.promise;
    const first = await firstOffset(adapter, index);
    this.#seek = undefined;
    return { first, end };
  }

  /** @param isPointed as {@link Bootstrap.isPointed}. */
  #readFrom(from: LogOffset, first: LogOffset, end: LogOffset, isPointed = false): void {
    const { adapter, index, options, queue, onFault } = this.#context;
    const bootstrap = new Bootstrap(from, first, end, isPointed, options);
    this.#bootstrap = bootstrap;
    queue.clear();
    adapter.tail(index, { offset: from });
    const isReading = (): boolean => !this.#isOver && this.#bootstrap === bootstrap;
    if (from >= end) this.goOn();
    else persist(async () => this.#lookForEnd(bootstrap, isReading), isReading).catch(onFault);
  }

  /** The last offsets of a log may be holes: then nothing arrives there. */
  async #lookForEnd(bootstrap: Bootstrap, isReading: () => boolean): Promise<void> {
    const { adapter, index, queue } = this.#context;
    for (let at = -1; isReading();) {
      await sleep(LOOK, undefined, { ref: false });
      const present = this.at;
      if (!isReading() || present !== at) {
        at = present;
        continue;
      }
      const [next] = await adapter.read(index, { offset: present }, 1, AbortSignal.timeout(STEP));
      if (isReading() && next === undefined && this.at === present && queue.isIdle) {
        bootstrap.end = present;
        queue.push([]);
        return;
      }
    }
  }

  /** The log begins in the middle, and contains no snapshot: the other pods may know the state. */
  #ask(bootstrap: Bootstrap): void {
    const { control, onExpired } = this.#context;
    bootstrap.isAsking = true;
    const isAsking = (): boolean => !this.#isOver && this.#bootstrap === bootstrap && this.#fold === undefined;
    const giveUp = performance.now() + ASK_FOR;
    control.repeat({ kind: 'ask' }, () => isAsking() && performance.now() < giveUp);
    setTimeout(() => {
      if (!isAsking()) return;
      onExpired();
      control.repeat(control.era(bootstrap.at), isAsking);
    }, ASK_FOR).unref();
  }
}

/** The offset of the first entry that the log has. */
export async function firstOffset(adapter: LogAdapter, index: number): Promise<LogOffset> {
  if (adapter.traits.bounds) return (await adapter.bounds(index, AbortSignal.timeout(STEP))).first;
  const [first] = await adapter.read(index, 'first', 1, AbortSignal.timeout(STEP));
  return first?.offset ?? 0;
}

function stepOf(reader: SnapshotReader): Fold | 'invalid' | undefined {
  try {
    return reader.step(ITEMS);
  } catch (error) {
    if (error instanceof InvalidBytesError) return 'invalid';
    throw error;
  }
}
