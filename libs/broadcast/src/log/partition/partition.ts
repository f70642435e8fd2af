import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLoss } from '../../broker-stats.js';
import { BrokerUnavailableError } from '../../errors.js';
import type { Fold, FoldEvents } from '../fold/fold.js';
import type { LogEntry, LogOffset } from '../log-adapter.js';
import type { DecodedEntry } from '../records/entry-codec.js';
import { NO_ERA } from '../records/records.js';
import { ControlRecords } from './control-records.js';
import { EntryQueue } from './entry-queue.js';
import type { PartitionContext } from './partition-context.js';
import { Pace } from './pace.js';
import { persist } from './persist.js';
import { ReadBarrier } from './read-barrier.js';
import { isSame } from './same-entry.js';
import { firstOffset, Search } from './search.js';
import { STEP } from './step.js';
import { Writer } from './writer.js';

const OUTDATED = 'a newer release of Holdfast writes to the log: this one has to be updated';
const READING = 'the log is being read';

/** ms without an entry after which a reader may have stopped. */
const SILENCE = 1_000;

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
  /** Looking for the state, and reading up to the end of the log as it was at the beginning. */
  | 'searching'
  /** Waiting for a new era. */
  | 'renewing'
  | 'live';

/** One partition of the log: reads it, folds it, and writes to it. */
export class Partition {
  readonly index: number;
  readonly writer: Writer;
  /** Why the state has begun, or is another one than before. The receiver of `onReady`, or of the new era, clears it. */
  cause: LogLoss | 'created' | undefined;
  readonly #context: PartitionContext;
  readonly #control: ControlRecords;
  readonly #queue: EntryQueue;
  readonly #barrier: ReadBarrier;
  readonly #pace = new Pace();
  readonly #foldEvents: FoldEvents;
  #phase: Phase = 'idle';
  /** Distinguishes attempts: what belongs to an earlier one stops. */
  #attempt = 0;
  #search: Search | undefined;
  #fold: Fold | undefined;
  #last: LogEntry | undefined;
  #incarnation: string | undefined;
  /** Whether the reader has to begin with the last entry, to prove that the log is still the same. */
  #isProving = false;
  #doubt: Doubt | undefined;
  /** The offset from which on entries are new to this pod. */
  #newFrom = Infinity;
  /** When the reader last delivered anything, as {@link performance.now}. */
  #heard = 0;

  constructor(index: number, context: PartitionContext) {
    this.index = index;
    this.#context = context;
    const { adapter, pod, clock, partitions, policy, events } = context;
    const onFault = (error: unknown): void => events.onFault(error);
    this.writer = new Writer({ partition: index, adapter, pod, clock, onFault });
    this.#control = new ControlRecords(
      { partition: index, adapter, pod, clock, partitions, policy, onFault },
      this.writer,
    );
    this.#queue = new EntryQueue(
      (entry) => this.#process(entry),
      () => this.#caughtUp(),
    );
    this.#barrier = new ReadBarrier({
      index,
      adapter,
      writer: this.writer,
      at: () => this.at ?? 0,
      onShorter: () => this.#phase === 'live' && this.#resume(),
    });
    this.#foldEvents = this.#eventsOfFold();
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
    if (this.#phase === 'renewing') return 'the log is being started again';
    return this.#phase === 'idle' ? 'the log cannot be reached' : READING;
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
    this.#barrier.reached(Infinity);
  }

  /**
   * Begins to read again if nothing has been read although an entry of this pod is stored: the reader may have stopped.
   *
   * @returns whether it did.
   */
  look(): boolean {
    if (this.#phase !== 'live' || !this.writer.isOverdue || performance.now() - this.#heard < SILENCE) return false;
    this.#resume();
    return true;
  }

  /** Pods have read different logs: everything begins again. @param cause where that was noticed. */
  renew(cause: LogOffset): void {
    if (this.#phase !== 'live') return;
    this.cause = 'digest';
    this.#control.append(this.#control.era(cause));
  }

  onEntries(entries: readonly LogEntry[]): void {
    if (!this.#isReading) return;
    this.#heard = performance.now();
    this.#queue.push(entries);
  }

  onInterrupted(): void {
    if (this.#isReading) this.#resume();
  }

  /**
   * Resolves with the state when it contains everything that was stored before the call.
   *
   * @throws BrokerUnavailableError
   */
  async current(): Promise<Fold> {
    if (this.fold === undefined) throw new BrokerUnavailableError(this.problem ?? READING);
    await this.#barrier.passed();
    const { fold } = this;
    if (fold === undefined) throw new BrokerUnavailableError(this.problem ?? READING);
    return fold;
  }

  /** Whether the entries of the adapter's reader are those that this attempt asked for. */
  get #isReading(): boolean {
    return this.#phase === 'searching'
      ? this.#search?.isReading === true
      : !['idle', 'verifying'].includes(this.#phase);
  }

  /** The offset after the last entry that was processed; undefined while the state is looked for. */
  get at(): LogOffset | undefined {
    return this.#fold?.at;
  }

  /** Ends what goes on, and begins a new attempt. @returns whether it is still that attempt. */
  #stop(phase: Phase, reason = READING): () => boolean {
    this.#attempt += 1;
    this.#search?.stop();
    this.#queue.clear();
    this.#phase = phase;
    this.writer.pause(reason);
    return this.#current();
  }

  #current(): () => boolean {
    const attempt = this.#attempt;
    return () => this.#attempt === attempt;
  }

  #resume(): void {
    const isCurrent = this.#stop('verifying');
    const pause = this.#pace.next();
    const work = async (): Promise<void> => {
      await sleep(pause, undefined, { ref: false });
      if (!isCurrent()) return;
      const last = this.#last;
      if (this.#fold === undefined || last === undefined) await this.#begin();
      else await this.#verify(last, isCurrent);
    };
    persist(work, isCurrent).catch((error: unknown) => this.#context.events.onFault(error));
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
    const isMissing = found !== undefined && found.offset > last.offset;
    const isTrimmed = isMissing && (await firstOffset(adapter, this.index)) > last.offset;
    if (!isCurrent()) return;
    this.#doubt = { era: this.#fold?.era ?? NO_ERA, isTrimmed };
    this.cause = isTrimmed ? 'trimmed' : 'truncated';
    this.#newFrom = isTrimmed ? last.offset + 1 : Infinity;
    await this.#begin();
  }

  /** Reads the log as if for the first time. */
  async #begin(): Promise<void> {
    if (this.#fold !== undefined) this.#context.events.onForgotten(this, this.#fold);
    this.#fold = undefined;
    this.#last = undefined;
    this.#isProving = false;
    this.writer.doubt();
    this.#search?.stop();
    this.#queue.clear();
    const { adapter, isOwn, format, events } = this.#context;
    const [index, queue, control] = [this.index, this.#queue, this.#control];
    const onFault = (error: unknown): void => events.onFault(error);
    const onIncarnation = (incarnation: string | undefined): void => {
      if (this.cause === 'truncated' && incarnation !== this.#incarnation) this.cause = 'recreated';
      this.#incarnation = incarnation;
    };
    const onExpired = (): void => {
      if (this.#doubt?.isTrimmed !== false) this.cause = 'expired';
    };
    const options = { index, format };
    const context = { index, adapter, isOwn, queue, control, onFault, onIncarnation, onExpired, options };
    this.#search = new Search(context, (fold) => (this.#fold = fold));
    this.#phase = 'searching';
    await this.#search.start((end) => (this.#newFrom = Math.min(this.#newFrom, end)));
  }

  #process(entry: LogEntry): void {
    const fold = this.#fold;
    if (fold !== undefined) this.#read(entry, fold);
    else if (this.#phase === 'searching') this.#search?.add(entry);
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
    else if (this.#phase === 'live') this.#barrier.reached(fold.at);
  }

  /** Everything that has arrived is processed. */
  #caughtUp(): void {
    const search = this.#search;
    if (this.#phase !== 'searching' || search?.hasCaughtUp !== true) return;
    if (this.#fold === undefined) search.goOn();
    else this.#finish(this.#fold, search.end);
  }

  #finish(fold: Fold, end: LogOffset): void {
    this.#search?.stop();
    const doubt = this.#doubt;
    // The latest entries were lost, and others may have taken their offsets.
    const isCut = doubt !== undefined && fold.era === doubt.era && !doubt.isTrimmed;
    if (fold.era !== NO_ERA && !isCut) {
      this.#ready();
      return;
    }
    if (fold.era === NO_ERA) this.cause ??= 'created';
    this.#phase = 'renewing';
    const isCurrent = this.#current();
    const era = this.#control.era(Math.max(fold.at, end));
    this.#control.repeat(era, () => isCurrent() && this.#phase === 'renewing');
  }

  #ready(): void {
    this.#phase = 'live';
    this.#doubt = undefined;
    this.#newFrom = -Infinity;
    this.writer.open();
    this.#context.events.onReady(this, true);
    this.#barrier.reached(this.at ?? 0);
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
}
