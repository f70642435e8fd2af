import { expect } from 'vitest';
import type { LogAdapter, LogAdapterEvents, LogEntry, LogOffset, LogStart } from '../log/log-adapter.js';
import { until } from './pod.js';

/** ms within which any call of a healthy server settles. */
const PATIENCE = 10_000;

interface Interruption {
  readonly partition: number;
  readonly isCut: boolean;
}

/** An adapter, and everything that it reports. After an interruption it continues behind the last entry, if it should. */
export class LogFollower implements LogAdapterEvents {
  readonly problems: (string | undefined)[] = [];
  readonly interruptions: Interruption[] = [];
  /** Whether a reader that was interrupted is continued. */
  continues = true;
  readonly #entries = new Map<number, LogEntry[]>();

  constructor(readonly adapter: LogAdapter) {}

  /** Resolves when the adapter is open. */
  async start(): Promise<this> {
    this.adapter.start(this);
    await this.open();
    return this;
  }

  /** Calls `open` until it succeeds. */
  async open(): Promise<void> {
    await until(async () => this.adapter.open(AbortSignal.timeout(PATIENCE)));
  }

  get problem(): string | undefined {
    return this.problems.at(-1);
  }

  /** What was read of a partition: entries that are not the engine's, such as control records, are left out. */
  entries(partition = 0): readonly LogEntry[] {
    return (this.#entries.get(partition) ?? []).filter(({ data }) => data.length > 0);
  }

  texts(partition = 0): string[] {
    return this.entries(partition).map(textOf);
  }

  async append(text: string, partition = 0): Promise<void> {
    await this.adapter.append(partition, Buffer.from(text), AbortSignal.timeout(PATIENCE));
  }

  /** Appends texts one after the other. */
  async appendAll(texts: readonly string[], partition = 0): Promise<void> {
    for (const text of texts) await this.append(text, partition);
  }

  tail(start: LogStart, partition = 0): void {
    this.#entries.delete(partition);
    this.adapter.tail(partition, start);
  }

  async read(start: LogStart, limit: number, partition = 0): Promise<string[]> {
    const entries = await this.adapter.read(partition, start, limit, AbortSignal.timeout(PATIENCE));
    return entries.filter(({ data }) => data.length > 0).map(textOf);
  }

  /** Resolves when exactly these texts were read of a partition. */
  async reads(texts: readonly string[], partition = 0): Promise<readonly LogEntry[]> {
    await until(() => expect(this.texts(partition)).toEqual(texts));
    return this.entries(partition);
  }

  onEntries(partition: number, entries: readonly LogEntry[]): void {
    const before = this.#entries.get(partition);
    if (before === undefined) this.#entries.set(partition, [...entries]);
    else before.push(...entries);
  }

  onInterrupted(partition: number, _reason: string, isCut: boolean): void {
    this.interruptions.push({ partition, isCut });
    if (!this.continues) return;
    const last = this.#last(partition);
    // As the engine does, not at once and not from within the event.
    setTimeout(() => this.adapter.tail(partition, last === undefined ? 'first' : { offset: last + 1 }), 50);
  }

  onProblem(reason: string | undefined): void {
    this.problems.push(reason);
  }

  #last(partition: number): LogOffset | undefined {
    return this.#entries.get(partition)?.at(-1)?.offset;
  }
}

export function textOf({ data }: LogEntry): string {
  return Buffer.from(data).toString();
}
