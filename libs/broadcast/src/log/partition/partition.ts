import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BrokerUnavailableError } from '../../errors.js';
import { Fold, type FoldEvents, type FoldOptions } from '../fold/fold.js';
import type { PlainFormat, PlainRefusal } from '../../plain-messages.js';
import type { Outcome } from '../fold/outcome.js';
import type { Place } from '../fold/place.js';
import type { LogAdapter, LogEntry, LogOffset } from '../log-adapter.js';
import { decodeEntry, encodeEntry, encodeRecord, type DecodedEntry } from '../records/entry-codec.js';
import { NO_ERA, type LogRecord } from '../records/records.js';
import { Barrier } from './barrier.js';
import { Bootstrap } from './bootstrap.js';
import { Writer } from './writer.js';

const OUTDATED = 'a newer release of Holdfast writes to the log: this one has to be updated';

/** ms within which a single call of the adapter has to settle. */
const STEP = 1_500;
/** ms of folding before other work gets its turn. */
const SLICE = 15;
/** Entries before the end of the log in which a snapshot is looked for first; eight times as many in each further round. */
const FIRST_ROUND = 256;
const ROUND_GROWTH = 8;
/** ms between two looks whether the reader has reached the end, if that is a hole. */
const LOOK = 200;
/** ms before a record that has to be read back is written again. */
const REPEAT = 1_000;
/** ms for which the other pods are asked for a snapshot. */
const ASK_FOR = 5_000;
/** ms for which a barrier waits for the end of the log before it suspects a hole there. */
const PATIENCE = 100;
/** ms before a failed step is repeated; doubles up to the longest. */
const SHORTEST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;
/** ms between two attempts that have nothing to do with each other. */
const CALM = 5_000;
/** ms without an entry after which a reader may have stopped. */
const SILENCE = 1_000;
/** Attempts soon after each other that need no pause. */
const FREE_RESUMES = 3;

export interface PartitionContext {
  readonly adapter: LogAdapter;
  /** The present name of this pod. */
  readonly pod: () => string;
  /** Whether this is, or was, a name of this pod. */
  readonly isOwn: (pod: string) => boolean;
  readonly clock: () => number;
  /** How many partitions the log has. */
  readonly partitions: () => number;
  readonly format: PlainFormat;
  /** Of plain messages, for a new era. */
  readonly policy: string;
  readonly events: PartitionEvents;
}

/** All calls are synchronous, and must not throw. */
export interface PartitionEvents {
  /**
   * A record was folded.
   *
   * @param isLive whether it is new to this pod; otherwise only the state that this leads to is of interest.
   */
  onOutcome(partition: Partition, outcome: Outcome, record: LogRecord, place: Place, isLive: boolean): void;
  /** The state is known. @param hasLost whether it is another one than before, without notice of what has changed. */
  onReady(partition: Partition, hasLost: boolean): void;
  /** The state is not known any more. */
  onForgotten(partition: Partition, fold: Fold): void;
  /** As {@link FoldEvents.onInvalid}. */
  onInvalid(partition: Partition): void;
  /** As {@link FoldEvents.onPlainRefused}. */
  onPlainRefused(channel: string, reason: PlainRefusal): void;
  onFault(error: unknown): void;
}

/** What was read before the log turned out to be another one. */
interface Doubt {
  readonly era: string;
  /** Whether retention explains that the last entry is gone: the log is the same, and some of it was missed. */
  readonly isTrimmed: boolean;
}

type Phase =
  | 'idle'
  /** Comparing the last entry with the log's. */
  | 'verifying'
  /** Looking for the end of the log. */
  | 'seeking'
  /** Reading up to the end of the log as it was at the beginning. */
  | 'reading'
  /** Waiting for a new era. */
  | 'renewing'
  | 'live';

/** One partition of the log: reads it, folds it, and writes to it. */
export class Partition {
  readonly index: number;
  readonly writer: Writer;
  readonly #context: PartitionContext;
  readonly #barrier = new Barrier(async () => this.#pass());
  readonly #foldEvents: FoldEvents;
  readonly #options: FoldOptions;
  #phase: Phase = 'idle';
  /** Distinguishes attempts: what belongs to an earlier one stops. */
  #attempt = 0;
  #fold: Fold | undefined;
  #last: LogEntry | undefined;
  /** Whether the reader has to begin with the last entry, to prove that the log is still the same. */
  #isProving = false;
  /** When the last attempt began, and how many came soon after each other. */
  #resumed = -Infinity;
  #resumes = 0;
  #bootstrap: Bootstrap | undefined;
  #doubt: Doubt | undefined;
  /** The offset from which on entries are new to this pod. */
  #newFrom = Infinity;
  /** When the reader last delivered anything, as {@link performance.now}. */
  #heard = 0;
  #queue: LogEntry[] = [];
  #isDraining = false;
  #sought: ((end: LogOffset) => void) | undefined;
  #arrivals: { readonly offset: LogOffset; readonly resolve: () => void }[] = [];

  constructor(index: number, context: PartitionContext) {
    this.index = index;
    this.#context = context;
    const { adapter, pod, clock, events } = context;
    const onFault = (error: unknown): void => events.onFault(error);
    this.writer = new Writer({ partition: index, adapter, pod, clock, onFault });
    this.#foldEvents = this.#eventsOfFold();
    this.#options = { index, format: context.format };
  }

  /** The state; undefined while it is not known, or in doubt. */
  get fold(): Fold | undefined {
    return this.#phase === 'live' ? this.#fold : undefined;
  }

  /** Of what was folded last, in doubt or not. */
  get era(): string {
    return this.#fold?.era ?? NO_ERA;
  }

  /** Why the partition cannot be used; undefined if it can. */
  get problem(): string | undefined {
    if (this.#fold?.isOutdated === true) return OUTDATED;
    if (this.#phase === 'live') return undefined;
    return this.#phase === 'idle' ? 'the log cannot be reached' : 'the log is being read';
  }

  /** The log can be used. */
  connect(): void {
    if (this.#phase === 'idle' && this.#fold?.isOutdated !== true) this.#resume();
  }

  /** The log cannot be used. */
  disconnect(reason: string): void {
    this.#stop('idle', reason);
  }

  close(reason: string): void {
    this.disconnect(reason);
    this.writer.close(reason);
    this.#arrive(Infinity);
  }

  /** Begins to read again if nothing has been read although an entry of this pod is stored: the reader may have stopped. */
  look(): void {
    if (this.#phase !== 'live' || !this.writer.isOverdue || performance.now() - this.#heard < SILENCE) return;
    this.#resume();
  }

  /** Pods have read different logs: everything begins again. @param cause where that was noticed. */
  renew(cause: LogOffset): void {
    if (this.#phase === 'live') this.#control(this.#era(cause));
  }

  onEntries(entries: readonly LogEntry[]): void {
    if (this.#phase === 'idle' || this.#phase === 'verifying') return;
    this.#heard = performance.now();
    for (const entry of entries) this.#queue.push(entry);
    if (!this.#isDraining) this.#drain();
  }

  onInterrupted(): void {
    if (this.#phase === 'idle' || this.#phase === 'verifying') return;
    this.#resume();
  }

  /**
   * Resolves with the state when it contains everything that was stored before the call.
   *
   * @throws BrokerUnavailableError
   */
  async current(): Promise<Fold> {
    if (this.fold === undefined) throw new BrokerUnavailableError(this.problem ?? 'the log is being read');
    try {
      await this.#barrier.passed();
    } catch (error) {
      throw new BrokerUnavailableError(error instanceof Error ? error.message : 'the log cannot be read');
    }
    const { fold } = this;
    if (fold === undefined) throw new BrokerUnavailableError(this.problem ?? 'the log is being read');
    return fold;
  }

  /** Ends what goes on, and begins a new attempt. @returns whether it is still that attempt. */
  #stop(phase: Phase, reason = 'the log is being read'): () => boolean {
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#phase = phase;
    this.#queue = [];
    this.writer.pause(reason);
    return () => this.#attempt === attempt;
  }

  #resume(): void {
    const isCurrent = this.#stop('verifying');
    const now = performance.now();
    this.#resumes = now - this.#resumed < CALM ? this.#resumes + 1 : 0;
    this.#resumed = now;
    // A reader that ends again and again must not keep the server busy.
    const pause = this.#resumes <= FREE_RESUMES ? 0 : Math.min(SHORTEST_PAUSE * 2 ** this.#resumes, LONGEST_PAUSE);
    const work = async (): Promise<void> => {
      await sleep(pause, undefined, { ref: false });
      if (!isCurrent()) return;
      const last = this.#last;
      if (this.#fold === undefined || last === undefined) await this.#begin(isCurrent);
      else await this.#verify(last, isCurrent);
    };
    this.#persist(work, isCurrent);
  }

  /** Repeats a step until it succeeds, or something else has begun. */
  #persist(work: () => Promise<void>, isCurrent: () => boolean): void {
    const run = async (): Promise<void> => {
      for (let pause = SHORTEST_PAUSE; isCurrent(); pause = Math.min(pause * 2, LONGEST_PAUSE)) {
        try {
          await work();
          return;
        } catch {
          await sleep(pause, undefined, { ref: false });
        }
      }
    };
    run().catch((error: unknown) => this.#context.events.onFault(error));
  }

  /** Continues behind the last entry if that is still the same. */
  async #verify(last: LogEntry, isCurrent: () => boolean): Promise<void> {
    const { adapter } = this.#context;
    const [found] = await adapter.read(this.index, { offset: last.offset }, 1, AbortSignal.timeout(STEP));
    if (!isCurrent()) return;
    if (found !== undefined && isSame(found, last)) {
      this.#isProving = true;
      this.#phase = 'live';
      // Not behind it: a reader that begins beyond the end of another log would wait in silence.
      adapter.tail(this.index, { offset: last.offset });
      this.writer.open();
      this.#context.events.onReady(this, false);
      return;
    }
    const isTrimmed = found !== undefined && found.offset > last.offset && (await this.#first()) > last.offset;
    if (!isCurrent()) return;
    this.#doubt = { era: this.#fold?.era ?? NO_ERA, isTrimmed };
    this.#newFrom = isTrimmed ? last.offset + 1 : Infinity;
    await this.#begin(isCurrent);
  }

  /** Reads the log as if for the first time. */
  async #begin(isCurrent: () => boolean): Promise<void> {
    if (this.#fold !== undefined) this.#context.events.onForgotten(this, this.#fold);
    this.#fold = undefined;
    this.#last = undefined;
    this.#isProving = false;
    this.writer.doubt();
    const { first, end } = await this.#ends(isCurrent);
    if (!isCurrent()) return;
    this.#newFrom = Math.min(this.#newFrom, end);
    this.#readFrom(Math.max(end - FIRST_ROUND, first), first, end, isCurrent);
  }

  async #first(): Promise<LogOffset> {
    const { adapter } = this.#context;
    if (adapter.traits.bounds) return (await adapter.bounds(this.index, AbortSignal.timeout(STEP))).first;
    const [first] = await adapter.read(this.index, 'first', 1, AbortSignal.timeout(STEP));
    return first?.offset ?? 0;
  }

  async #ends(isCurrent: () => boolean): Promise<{ first: LogOffset; end: LogOffset }> {
    const { adapter } = this.#context;
    if (adapter.traits.bounds) {
      const { first, next } = await adapter.bounds(this.index, AbortSignal.timeout(STEP));
      return { first, end: next };
    }
    // Nothing says where the log ends: a record that is read back is there.
    this.#phase = 'seeking';
    const end = new Promise<LogOffset>((resolve) => (this.#sought = resolve));
    adapter.tail(this.index, 'next');
    this.#repeat({ kind: 'mark' }, () => isCurrent() && this.#phase === 'seeking');
    const found = await end;
    return { first: await this.#first(), end: found };
  }

  #readFrom(from: LogOffset, first: LogOffset, end: LogOffset, isCurrent: () => boolean, isPointed = false): void {
    const bootstrap = new Bootstrap(from, first, end, isPointed, this.#options);
    this.#bootstrap = bootstrap;
    this.#queue = [];
    this.#phase = 'reading';
    this.#context.adapter.tail(this.index, { offset: from });
    const isReading = (): boolean => isCurrent() && this.#phase === 'reading' && this.#bootstrap === bootstrap;
    if (from >= end) this.#caughtUp();
    else this.#persist(async () => this.#lookForEnd(isReading), isReading);
  }

  /** The last offsets of a log may be holes: then nothing arrives there. */
  async #lookForEnd(isReading: () => boolean): Promise<void> {
    const { adapter } = this.#context;
    for (let at = -1; isReading();) {
      await sleep(LOOK, undefined, { ref: false });
      const present = this.#at;
      if (!isReading() || present !== at) {
        at = present;
        continue;
      }
      const [next] = await adapter.read(this.index, { offset: present }, 1, AbortSignal.timeout(STEP));
      if (isReading() && next === undefined && this.#at === present && this.#queue.length === 0) {
        if (this.#bootstrap !== undefined) this.#bootstrap.end = present;
        this.#caughtUp();
        return;
      }
    }
  }

  /** The offset after the last entry that was processed. */
  get #at(): LogOffset {
    return this.#fold?.at ?? this.#bootstrap?.at ?? 0;
  }

  #drain(): void {
    this.#isDraining = true;
    const until = performance.now() + SLICE;
    const queue = this.#queue;
    let count = 0;
    for (; count < queue.length && performance.now() < until; count += 1) {
      const entry = queue[count];
      if (entry !== undefined) this.#process(entry);
      if (this.#queue !== queue) {
        // Something else has begun: it has a queue of its own.
        this.#continue();
        return;
      }
    }
    this.#queue = queue.slice(count);
    this.#continue();
  }

  #continue(): void {
    if (this.#queue.length === 0) {
      this.#isDraining = false;
      if (this.#phase === 'reading' && this.#at >= (this.#bootstrap?.end ?? 0)) this.#caughtUp();
    } else setImmediate(() => this.#drain());
  }

  #process(entry: LogEntry): void {
    const fold = this.#fold;
    if (this.#phase === 'seeking') this.#seek(entry);
    else if (fold !== undefined) this.#read(entry, fold);
    else if (this.#phase === 'reading') this.#gather(entry);
  }

  #seek({ offset, data }: LogEntry): void {
    const decoded = decodeEntry(data);
    if (decoded.kind === 'entry' && this.#context.isOwn(decoded.entry.pod)) this.#sought?.(offset + 1);
  }

  #gather(entry: LogEntry): void {
    const bootstrap = this.#bootstrap;
    if (bootstrap === undefined || entry.offset < bootstrap.at) return;
    const step = bootstrap.add(entry);
    if (step === undefined) return;
    if (step.kind === 'known') {
      this.#fold = step.fold;
      const rest = this.#queue.slice(this.#queue.indexOf(entry) + 1);
      this.#queue = [...bootstrap.held(step.fold.at), ...rest];
      return;
    }
    const attempt = this.#attempt;
    this.#readFrom(step.from, bootstrap.first, bootstrap.end, () => this.#attempt === attempt, true);
  }

  #read(entry: LogEntry, fold: Fold): void {
    const last = this.#last;
    if (this.#isProving) {
      this.#isProving = false;
      if (last === undefined || !isSame(entry, last)) {
        this.#resume();
        return;
      }
    }
    if (entry.offset < fold.at) return;
    this.#last = entry;
    fold.read(entry, this.#foldEvents);
    // Whatever would follow may be wrong.
    if (fold.isOutdated) this.#stop('idle', OUTDATED);
    else if (this.#phase === 'live') this.#arrive(fold.at);
  }

  /** Everything up to the end of the log as it was at the beginning is read. */
  #caughtUp(): void {
    const bootstrap = this.#bootstrap;
    if (bootstrap === undefined || this.#phase !== 'reading') return;
    const { from, first, end } = bootstrap;
    const attempt = this.#attempt;
    const isCurrent = (): boolean => this.#attempt === attempt;
    if (this.#fold !== undefined) this.#finish(this.#fold);
    else if (from > first) {
      const before = (end - from) * ROUND_GROWTH;
      this.#readFrom(Math.max(end - before, first), first, end, isCurrent);
    } else if (bootstrap.isUnused) {
      this.#fold = new Fold(this.#options);
      this.#queue = bootstrap.held(0);
      if (this.#queue.length === 0) this.#finish(this.#fold);
      else if (!this.#isDraining) this.#drain();
    } else if (!bootstrap.isAsking) this.#ask(bootstrap);
  }

  /** The log begins in the middle, and contains no snapshot: the other pods may know the state. */
  #ask(bootstrap: Bootstrap): void {
    bootstrap.isAsking = true;
    const attempt = this.#attempt;
    const isAsking = (): boolean =>
      this.#attempt === attempt && this.#bootstrap === bootstrap && this.#fold === undefined;
    const giveUp = performance.now() + ASK_FOR;
    this.#repeat({ kind: 'ask' }, () => isAsking() && performance.now() < giveUp);
    setTimeout(() => {
      // Nobody knows it.
      this.#repeat(this.#era(bootstrap.at), isAsking);
    }, ASK_FOR).unref();
  }

  #finish(fold: Fold): void {
    const doubt = this.#doubt;
    const end = this.#bootstrap?.end ?? 0;
    this.#bootstrap = undefined;
    // The latest entries were lost, and others may have taken their offsets.
    const isCut = doubt !== undefined && fold.era === doubt.era && !doubt.isTrimmed;
    if (fold.era !== NO_ERA && !isCut) {
      this.#ready();
      return;
    }
    this.#phase = 'renewing';
    const attempt = this.#attempt;
    const isRenewing = (): boolean => this.#attempt === attempt && this.#phase === 'renewing';
    this.#repeat(this.#era(Math.max(fold.at, end)), isRenewing);
  }

  #ready(): void {
    this.#phase = 'live';
    this.#doubt = undefined;
    this.#newFrom = -Infinity;
    this.writer.open();
    this.#context.events.onReady(this, true);
    this.#arrive(this.#at);
  }

  #eventsOfFold(): FoldEvents {
    const { events, isOwn } = this.#context;
    return {
      onOutcome: (outcome, record, place) => {
        const isLive = this.#phase === 'live' || (record.kind === 'signal' && place.offset >= this.#newFrom);
        events.onOutcome(this, outcome, record, place, isLive);
        if (isOwn(place.pod.id)) this.writer.folded(place.pod.number, place.index, outcome);
      },
      onEntry: (entry: DecodedEntry) => {
        if (isOwn(entry.pod)) this.writer.read(entry.number);
        if (this.#phase === 'renewing' && this.#fold !== undefined) this.#finishRenewal(this.#fold);
      },
      onInvalid: () => {
        if (this.#phase === 'live') events.onInvalid(this);
      },
      onPlainRefused: (channel, reason) => {
        if (this.#phase === 'live') events.onPlainRefused(channel, reason);
      },
    };
  }

  #finishRenewal({ era }: Fold): void {
    if (era !== NO_ERA && era !== this.#doubt?.era) this.#ready();
  }

  async #pass(): Promise<void> {
    const { adapter } = this.#context;
    if (adapter.traits.bounds) {
      const { next } = await adapter.bounds(this.index, AbortSignal.timeout(STEP));
      if (next < this.#at) {
        if (this.#phase === 'live') this.#resume();
        throw new BrokerUnavailableError('the log is shorter than before');
      }
      if (await this.#arrived(next)) return;
    }
    await new Promise<void>((resolve, reject) => {
      this.writer.write({ kind: 'mark' }, performance.now() + STEP, { onOutcome: () => resolve(), onError: reject });
    });
  }

  /** Resolves when the entries before an offset are read. @returns false if that takes too long. */
  async #arrived(offset: LogOffset): Promise<boolean> {
    if (this.#at >= offset) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), PATIENCE);
      const arrived = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      this.#arrivals.push({ offset, resolve: arrived });
    });
  }

  #arrive(at: LogOffset): void {
    if (this.#arrivals.length === 0) return;
    const arrived = this.#arrivals.filter(({ offset }) => offset <= at);
    this.#arrivals = this.#arrivals.filter(({ offset }) => offset > at);
    for (const { resolve } of arrived) resolve();
  }

  /** Writes a record now and then while it is needed. */
  #repeat(record: LogRecord, isNeeded: () => boolean): void {
    const run = async (): Promise<void> => {
      while (isNeeded()) {
        this.#control(record);
        await sleep(REPEAT, undefined, { ref: false });
      }
    };
    run().catch((error: unknown) => this.#context.events.onFault(error));
  }

  #era(cause: LogOffset): LogRecord {
    const { partitions, policy } = this.#context;
    return { kind: 'era', cause, id: randomBytes(9).toString('base64url'), partitions: partitions(), policy };
  }

  /** Appends a record apart from the others: its effect is seen when it is read. */
  #control(record: LogRecord): void {
    const { adapter, pod, clock } = this.#context;
    const header = { pod: pod(), number: this.writer.nextNumber(), clock: clock() };
    const data = encodeEntry(header, [encodeRecord(record)]);
    adapter.append(this.index, data, AbortSignal.timeout(STEP)).catch(() => undefined);
  }
}

const NO_BYTES = Buffer.alloc(0);

function isSame(one: LogEntry, other: LogEntry): boolean {
  const isSamePlain =
    one.plain?.channel === other.plain?.channel &&
    Buffer.compare(one.plain?.body ?? NO_BYTES, other.plain?.body ?? NO_BYTES) === 0;
  return one.offset === other.offset && isSamePlain && Buffer.compare(one.data, other.data) === 0;
}
