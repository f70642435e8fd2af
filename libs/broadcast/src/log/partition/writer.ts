import { BrokerUnavailableError, BrokerUnknownError } from '../../errors.js';
import { LogUnavailableError, type LogAdapter } from '../log-adapter.js';
import type { Outcome } from '../fold/outcome.js';
import { encodeEntry, maxRecord } from '../records/entry-codec.js';
import type { LogRecord } from '../records/records.js';
import { WaitingRecords, type Pending } from './waiting-records.js';

/** ms between two looks for what has waited too long. */
const TICK = 100;
/** ms before an entry whose fate is unknown is appended again. */
const RETRY_PAUSE = 100;
/** ms after its acknowledgement in which an entry should have been read, and in which it may still be. */
const OVERDUE = 1_000;
const GIVEN_UP = 10_000;

interface Sent {
  readonly pod: string;
  readonly number: number;
  readonly data: Buffer;
  /** When the last of its records is due. */
  readonly due: number;
  /** Undefined for a record that is settled. */
  readonly pending: (Pending | undefined)[];
  /** As {@link performance.now}; NaN before it. */
  acknowledged: number;
  /** Whether an earlier attempt may have stored it. */
  mayBeStored: boolean;
  /** Whether it may have been folded without this pod's seeing it. */
  mayBeFolded: boolean;
}

export interface WriterContext {
  readonly partition: number;
  readonly adapter: LogAdapter;
  /** The present name of this pod. */
  readonly pod: () => string;
  readonly clock: () => number;
  /** The adapter has thrown what it should not. */
  readonly onFault: (error: unknown) => void;
}

/**
 * Packs records into entries, and appends them one after the other. A record is answered when its own entry is read back: only
 * then it is known what it has done. An entry that may or may not have been stored is appended again, under the same number: the
 * fold drops it if it comes twice. Later ones wait meanwhile, so that the order stays.
 */
export class Writer {
  readonly #context: WriterContext;
  readonly #waiting = new WaitingRecords();
  /** Entries that have not been read back, by number. */
  readonly #sent = new Map<number, Sent>();
  /** Entries to be appended again, in order. */
  #unknown: Sent[] = [];
  /** Appends that the adapter has not settled, and when they are due. */
  readonly #underWay = new Map<AbortController, number>();
  /** The numbers of those that have not been read back either: the order of later ones depends on them. */
  readonly #unread = new Set<number>();
  #number = 0;
  #isOpen = false;
  #problem = 'the log is being read';
  #isScheduled = false;
  #retry: NodeJS.Timeout | undefined;
  #tick: NodeJS.Timeout | undefined;

  constructor(context: WriterContext) {
    this.#context = context;
  }

  /** Bytes of a record. */
  get maxRecord(): number {
    return maxRecord(this.#context.adapter.traits);
  }

  /** Whether an entry has been stored for a while, and was not read back: the reader may have stopped. */
  get isOverdue(): boolean {
    const now = performance.now();
    for (const { acknowledged } of this.#sent.values()) {
      const wait = now - acknowledged;
      if (wait > OVERDUE && wait < GIVEN_UP) return true;
    }
    return false;
  }

  /** For an entry that is appended apart from the others. */
  nextNumber(): number {
    this.#number += 1;
    return this.#number;
  }

  /** Entries can be appended, and are read back. */
  open(): void {
    this.#isOpen = true;
    this.#schedule();
  }

  /** Nothing can be appended for now: what waits is withdrawn. */
  pause(reason: string): void {
    this.#isOpen = false;
    this.#problem = reason;
    this.#waiting.withdraw(() => true, reason);
  }

  /** What was sent may be part of a snapshot, and is then never read back. */
  doubt(): void {
    for (const sent of this.#sent.values()) sent.mayBeFolded = true;
  }

  /** @param due as {@link performance.now}. */
  write(record: LogRecord, due: number, pending: Pending): void {
    if (!this.#isOpen) {
      pending.onError(new BrokerUnavailableError(this.#problem));
      return;
    }
    const { maxEntry } = this.#context.adapter.traits;
    if (!this.#waiting.add(record, due, pending, maxEntry)) return;
    this.#schedule();
    this.#watch();
  }

  /** A record of this pod was folded. */
  folded(number: number, index: number, outcome: Outcome): void {
    const sent = this.#sent.get(number);
    const pending = sent?.pending[index];
    if (sent === undefined || pending === undefined) return;
    sent.pending[index] = undefined;
    pending.onOutcome(outcome);
  }

  /** An entry of this pod was read. None before it can have an effect any more. */
  read(number: number): void {
    for (const unread of this.#unread) if (unread <= number) this.#unread.delete(unread);
    this.#schedule();
    for (const sent of this.#sent.values()) {
      if (sent.number > number) return;
      this.#sent.delete(sent.number);
      // The usual case: an error costs more than everything else here.
      if (sent.pending.every((pending) => pending === undefined)) continue;
      const reason = 'the log did not take it';
      this.#fail(sent, sent.mayBeFolded ? new BrokerUnknownError(reason) : new BrokerUnavailableError(reason));
    }
  }

  close(reason: string): void {
    this.pause(reason);
    clearTimeout(this.#retry);
    clearInterval(this.#tick);
    this.#tick = undefined;
    this.#unknown = [];
    for (const controller of this.#underWay.keys()) controller.abort();
    for (const sent of this.#sent.values()) this.#fail(sent, new BrokerUnknownError(reason));
    this.#sent.clear();
  }

  #schedule(): void {
    if (this.#isScheduled || !this.#isOpen) return;
    this.#isScheduled = true;
    // What is written in the same turn goes together.
    setImmediate(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    const { appendsAtOnce } = this.#context.adapter.traits;
    while (this.#isOpen && this.#unread.size < appendsAtOnce) {
      const again = this.#unknown[0];
      if (again !== undefined) {
        if (this.#retry !== undefined) return;
        this.#unknown.shift();
        if (this.#sent.has(again.number) && again.pod === this.#context.pod()) this.#append(again);
        continue;
      }
      const entry = this.#pack();
      if (entry === undefined) return;
      this.#sent.set(entry.number, entry);
      this.#append(entry);
    }
  }

  #pack(): Sent | undefined {
    const { adapter, pod, clock } = this.#context;
    const packed = this.#waiting.take(adapter.traits.maxEntry);
    if (packed.length === 0) return undefined;
    const header = { pod: pod(), number: this.nextNumber(), clock: clock() };
    return {
      pod: header.pod,
      number: header.number,
      data: encodeEntry(
        header,
        packed.map(({ bytes }) => bytes),
      ),
      due: Math.max(...packed.map(({ due }) => due)),
      pending: packed.map(({ pending }) => pending),
      acknowledged: NaN,
      mayBeStored: false,
      mayBeFolded: false,
    };
  }

  #append(sent: Sent): void {
    const controller = new AbortController();
    this.#underWay.set(controller, sent.due);
    this.#unread.add(sent.number);
    this.#appendOne(sent, controller.signal)
      .catch((error: unknown) => this.#context.onFault(error))
      .finally(() => {
        this.#underWay.delete(controller);
        this.#unread.delete(sent.number);
        this.#schedule();
      })
      .catch(() => undefined);
  }

  async #appendOne(sent: Sent, signal: AbortSignal): Promise<void> {
    const { adapter, partition } = this.#context;
    try {
      await adapter.append(partition, sent.data, signal);
      sent.acknowledged = performance.now();
    } catch (error) {
      this.#failed(sent, error);
    }
  }

  #failed(sent: Sent, error: unknown): void {
    if (!this.#sent.has(sent.number)) return;
    const isRefused = error instanceof LogUnavailableError;
    if (isRefused && !sent.mayBeStored) {
      this.#sent.delete(sent.number);
      this.#fail(sent, new BrokerUnavailableError(error.message));
      return;
    }
    sent.mayBeStored = true;
    if (sent.due <= performance.now()) return;
    this.#unknown.push(sent);
    this.#unknown.sort((one, other) => one.number - other.number);
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#schedule();
    }, RETRY_PAUSE);
  }

  #watch(): void {
    this.#tick ??= setInterval(() => {
      const now = performance.now();
      this.#waiting.withdraw(({ due }) => due <= now, 'it waited too long for the log');
      for (const [controller, due] of this.#underWay) if (due <= now) controller.abort();
      for (const sent of this.#sent.values()) {
        if (sent.due > now) continue;
        this.#fail(sent, new BrokerUnknownError('the log has not answered in time'));
      }
      this.#unknown = this.#unknown.filter(({ due }) => due > now);
      if (!this.#waiting.isEmpty || this.#sent.size + this.#underWay.size > 0) return;
      clearInterval(this.#tick);
      this.#tick = undefined;
    }, TICK);
  }

  #fail(sent: Sent, error: BrokerUnavailableError | BrokerUnknownError): void {
    for (const [index, pending] of sent.pending.entries()) {
      sent.pending[index] = undefined;
      pending?.onError(error);
    }
  }
}
