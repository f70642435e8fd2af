import {
  LogUnavailableError,
  LogUnknownError,
  type LogAdapter,
  type LogAdapterEvents,
  type LogBounds,
  type LogEntry,
  type LogOffset,
  type LogStart,
  type LogTraits,
} from '../../log/log-adapter.js';
import type { MemoryLog } from './memory-log.js';

/** Entries per event. */
const BATCH = 500;

const AWAY = 'the log cannot be reached';
const CLOSED = 'the adapter is closed';
const SILENT = 'the log does not answer';

interface Request {
  readonly partition: number;
  readonly data: Uint8Array;
  readonly due: number;
  readonly settle: (error?: Error) => void;
}

interface Reader {
  next: LogOffset;
  isScheduled: boolean;
}

/** One pod's connection to a {@link MemoryLog}. */
export class MemoryLogAdapter implements LogAdapter {
  readonly traits: LogTraits;
  readonly partitions: number;
  readonly #log: MemoryLog;
  readonly #readers = new Map<number, Reader>();
  /** What was sent to the server and has not arrived, by partition. */
  readonly #requests = new Map<number, Request[]>();
  readonly #waiting = new Set<(error: Error) => void>();
  readonly #held = new Set<number>();
  #events: LogAdapterEvents | undefined;
  #isHanging = false;
  #isConnected = false;
  #closed = false;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(log: MemoryLog) {
    this.#log = log;
    const { partitions, bounds, clock, maxEntry, appendsAtOnce } = log.options;
    this.partitions = partitions;
    this.traits = { replay: true, bounds, clock, maxEntry, appendsAtOnce };
  }

  start(events: LogAdapterEvents): void {
    this.#events = events;
    this.#isConnected = true;
    this.#log.attach(this);
    if (!this.#log.isRunning) this.disconnect();
  }

  async close(): Promise<void> {
    this.#events = undefined;
    this.#closed = true;
    this.#log.detach(this);
    clearTimeout(this.#heartbeat);
    this.#readers.clear();
    this.#fail(CLOSED);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#ask(signal, () => undefined);
  }

  async append(partition: number, data: Uint8Array, signal: AbortSignal): Promise<void> {
    this.#check(signal);
    if (data.length > this.traits.maxEntry) throw new LogUnavailableError('the entry is too large');
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(settle);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onAbort = (): void => settle(new LogUnknownError('not acknowledged in time'));
      signal.addEventListener('abort', onAbort);
      this.#waiting.add(settle);
      const requests = this.#requests.get(partition) ?? [];
      this.#requests.set(partition, requests);
      requests.push({ partition, data, due: performance.now() + this.#log.options.delay(), settle });
      if (requests.length === 1) this.#schedule(partition);
    });
  }

  tail(partition: number, start: LogStart): void {
    if (this.#closed) return;
    const { next } = this.#log.bounds(partition);
    const reader = { next: this.#log.read(partition, start, 1)[0]?.offset ?? next, isScheduled: false };
    if (typeof start === 'object' && 'offset' in start) reader.next = Math.max(start.offset, reader.next);
    this.#readers.set(partition, reader);
    if (!this.#isConnected || !this.#log.isRunning) {
      setImmediate(() => {
        if (this.#readers.get(partition) === reader) this.endReader(partition, AWAY, false);
      });
    }
    this.wake(partition);
  }

  async bounds(partition: number, signal: AbortSignal): Promise<LogBounds> {
    if (!this.traits.bounds) throw new LogUnavailableError('the log does not know its bounds');
    return this.#ask(signal, () => this.#log.bounds(partition));
  }

  async read(partition: number, start: LogStart, limit: number, signal: AbortSignal): Promise<readonly LogEntry[]> {
    return this.#ask(signal, () => this.#log.read(partition, start, limit));
  }

  /** Some entries have been stored. */
  wake(partition: number): void {
    const reader = this.#readers.get(partition);
    if (reader === undefined || reader.isScheduled || this.#isHanging || this.#held.has(partition)) return;
    reader.isScheduled = true;
    setImmediate(() => this.#deliver(partition, reader));
  }

  /** The connection to this pod closes. It connects again at once if the server runs. */
  disconnect(): void {
    this.#isConnected = false;
    this.#events?.onProblem(AWAY);
    this.#fail(AWAY);
    this.#endReaders(AWAY);
    if (this.#log.isRunning && !this.#isHanging) setImmediate(() => this.reconnect());
  }

  reconnect(): void {
    if (this.#closed || this.#isConnected || !this.#log.isRunning || this.#isHanging) return;
    this.#isConnected = true;
    this.#events?.onProblem(undefined);
  }

  /** The reader of a partition delivers nothing, while everything else works. */
  hold(partition: number): void {
    this.#held.add(partition);
  }

  release(partition: number): void {
    this.#held.delete(partition);
    this.wake(partition);
  }

  /** The connection to this pod delivers nothing. */
  hang(): void {
    this.#isHanging = true;
    this.#heartbeat = setTimeout(() => {
      this.#isConnected = false;
      this.#events?.onProblem(SILENT);
      this.#endReaders(SILENT);
    }, this.#log.options.heartbeat);
  }

  resume(): void {
    this.#isHanging = false;
    clearTimeout(this.#heartbeat);
    for (const partition of this.#requests.keys()) this.#schedule(partition);
    for (const partition of this.#readers.keys()) this.wake(partition);
    this.reconnect();
  }

  endReader(partition: number, reason: string, isCut: boolean): void {
    if (this.#readers.delete(partition)) this.#events?.onInterrupted(partition, reason, isCut);
  }

  #endReaders(reason: string): void {
    const partitions = [...this.#readers.keys()];
    for (const partition of partitions) this.endReader(partition, reason, false);
  }

  #deliver(partition: number, reader: Reader): void {
    reader.isScheduled = false;
    if (this.#readers.get(partition) !== reader || this.#isHanging || this.#held.has(partition)) return;
    const entries = this.#log.read(partition, { offset: reader.next }, BATCH);
    const last = entries.at(-1);
    if (last === undefined) return;
    reader.next = last.offset + 1;
    this.#events?.onEntries(partition, entries);
    this.wake(partition);
  }

  /** Requests of a partition arrive one after the other. */
  #schedule(partition: number): void {
    const [request] = this.#requests.get(partition) ?? [];
    if (request === undefined || this.#isHanging) return;
    const arrive = (): void => this.#arrive(partition, request);
    const wait = request.due - performance.now();
    if (wait < 1) setImmediate(arrive);
    else setTimeout(arrive, wait);
  }

  #arrive(partition: number, request: Request): void {
    const requests = this.#requests.get(partition);
    if (this.#isHanging || requests?.[0] !== request || !this.#log.isRunning) return;
    requests.shift();
    const fate = this.#log.fate(partition, request.data);
    if (fate !== 'refused' && fate !== 'lost') this.#log.store(partition, request.data);
    if (fate === 'twice') this.#log.store(partition, request.data);
    if (fate === 'stored' || fate === 'twice') this.#answer(() => request.settle());
    if (fate === 'refused') this.#answer(() => request.settle(new LogUnavailableError('refused')));
    this.#schedule(partition);
  }

  async #ask<T>(signal: AbortSignal, answer: () => T): Promise<T> {
    this.#check(signal);
    return new Promise((resolve, reject) => {
      const settle = (error: Error): void => {
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(settle);
        reject(new LogUnavailableError(error.message));
      };
      const onAbort = (): void => settle(new LogUnavailableError('no answer in time'));
      signal.addEventListener('abort', onAbort);
      this.#waiting.add(settle);
      this.#answer(() => {
        if (this.#isHanging || !this.#waiting.delete(settle)) return;
        signal.removeEventListener('abort', onAbort);
        resolve(answer());
      });
    });
  }

  #answer(send: () => void): void {
    const wait = this.#log.options.delay();
    const deliver = (): void => {
      if (!this.#isHanging) send();
    };
    if (wait < 1) setImmediate(deliver);
    else setTimeout(deliver, wait);
  }

  /** Everything that was sent may have arrived or not. What has not arrived may still arrive while the server runs. */
  #fail(reason: string): void {
    const waiting = [...this.#waiting];
    for (const settle of waiting) settle(new LogUnknownError(reason));
    if (!this.#log.isRunning) this.#requests.clear();
  }

  #check(signal: AbortSignal): void {
    if (this.#closed) throw new LogUnavailableError(CLOSED);
    if (!this.#isConnected || !this.#log.isRunning) throw new LogUnavailableError(AWAY);
    if (signal.aborted) throw new LogUnavailableError('aborted before it began');
  }
}
