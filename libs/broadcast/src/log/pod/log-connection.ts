import { setTimeout as sleep } from 'node:timers/promises';
import type { LogAdapter, LogAdapterEvents } from '../log-adapter.js';

/** ms within which the log has to be opened. */
const TIMEOUT = 5_000;
/** ms before it is opened again; doubles up to the longest. */
const SHORTEST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;

/** All calls are synchronous, and must not throw. */
export interface LogConnectionEvents extends Pick<LogAdapterEvents, 'onEntries' | 'onInterrupted'> {
  /** The log can be used. */
  onOpen(): void;
  /** The log cannot be used for now. */
  onAway(reason: string): void;
}

/** Keeps the log open: opens it until that succeeds, and again after every problem. */
export class LogConnection {
  readonly #adapter: LogAdapter;
  readonly #events: LogConnectionEvents;
  #problem: string | undefined = 'the log has not been opened yet';
  #attempt = 0;

  constructor(adapter: LogAdapter, events: LogConnectionEvents) {
    this.#adapter = adapter;
    this.#events = events;
  }

  /** Why the log cannot be used; undefined if it can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    this.#adapter.start({
      onEntries: (partition, entries) => this.#events.onEntries(partition, entries),
      onInterrupted: (partition, reason, isCut) => this.#events.onInterrupted(partition, reason, isCut),
      onProblem: (reason) => {
        if (reason !== undefined) this.#lose(reason);
        this.#openSoon();
      },
    });
    this.#openSoon();
  }

  async close(): Promise<void> {
    this.#attempt += 1;
    await this.#adapter.close();
  }

  #lose(reason: string): void {
    const wasOpen = this.#problem === undefined;
    this.#problem = reason;
    if (wasOpen) this.#events.onAway(reason);
  }

  #openSoon(): void {
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#open(() => this.#attempt === attempt).catch((error: unknown) => this.#lose(messageOf(error)));
  }

  async #open(isCurrent: () => boolean): Promise<void> {
    for (let pause = SHORTEST_PAUSE; isCurrent(); pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      try {
        await this.#adapter.open(AbortSignal.timeout(TIMEOUT));
        if (!isCurrent()) return;
        this.#problem = undefined;
        this.#events.onOpen();
        return;
      } catch (error) {
        if (!isCurrent()) return;
        this.#lose(messageOf(error));
      }
      await sleep(pause, undefined, { ref: false });
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'the log cannot be opened';
}
