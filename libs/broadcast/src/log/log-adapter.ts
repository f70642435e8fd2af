import type { PlainMessage } from '../plain-messages.js';

/**
 * An entry's place in its partition. It grows strictly, may have holes, and is the same for every reader. A safe integer.
 */
export type LogOffset = number;

export interface LogEntry {
  readonly offset: LogOffset;
  /** The server's clock, in ms since the Unix epoch; undefined if entries carry no time of the server. */
  readonly time: number | undefined;
  /** Empty if the entry is not the engine's, but for example a control record. */
  readonly data: Uint8Array;
  /** What a backend has published by the broker itself; then `data` is empty. Only valid in the channel's partition. */
  readonly plain?: PlainMessage;
  /** Whether its writer had missed entries of the partition: what it says of its own state is wrong then. */
  readonly isWriterBehind?: boolean;
}

/** What the server says of a partition's identity and ends. */
export interface LogBounds {
  /** Changes if the partition was deleted and created again; undefined if the server does not say. */
  readonly incarnation: string | undefined;
  /** The offset of the first entry that can be read; equals `next` if there is none. */
  readonly first: LogOffset;
  /** The offset after the last entry that readers may see. */
  readonly next: LogOffset;
}

/**
 * Where reading begins: at an offset, inclusive, or at the first entry at or after it if it is a hole; at the first entry that
 * was appended at a time (ms since the Unix epoch) or later; at the first entry of all; after the last one.
 */
export type LogStart = { readonly offset: LogOffset } | { readonly time: number } | 'first' | 'next';

export interface LogTraits {
  /** Whether entries from before a pod's start can be read. */
  readonly replay: boolean;
  /** Whether `bounds` is linearizable: it counts every append that was acknowledged before the call, by any pod. */
  readonly bounds: boolean;
  /** Whether entries carry the server's clock. */
  readonly clock: boolean;
  /** Bytes of one entry's data; known after `open`. */
  readonly maxEntry: number;
  /** Appends to one partition that may be under way at once without changing their order. */
  readonly appendsAtOnce: number;
}

/** All calls are synchronous, and must not throw. */
export interface LogAdapterEvents {
  /** Entries after those of the previous call, in order, each once since `tail`. The data may be kept. */
  onEntries(partition: number, entries: readonly LogEntry[]): void;
  /**
   * The reader of a partition has ended; only another `tail` continues it.
   *
   * @param isCut whether the server said that entries that were read before are gone: the log was truncated, or deleted.
   */
  onInterrupted(partition: number, reason: string, isCut: boolean): void;
  /** Whether the server can be used. @param reason undefined if it can; names no secret. */
  onProblem(reason: string | undefined): void;
}

/**
 * Brings entries to a partitioned log and back. It retries no call, remembers nothing, and passes no deadline: every call
 * settles at the latest when its signal aborts. Between calls it keeps its connections, and restores them by itself.
 */
export interface LogAdapter {
  readonly traits: LogTraits;
  /** The number of partitions; known after `open`. */
  readonly partitions: number;

  /** Called once, before anything else: begins to connect. */
  start(events: LogAdapterEvents): void;
  /** Called once, last. Resolves when nothing is left open. No event follows. */
  close(): Promise<void>;
  /**
   * Creates what is missing on the server, and checks that what is there can keep the promises. Called until it succeeds, and
   * again after every `onProblem` that has been resolved.
   *
   * @throws LogRefusedError if the log cannot be used until somebody changes it: the health of the pod shows the reason.
   * @throws LogUnavailableError
   */
  open(signal: AbortSignal): Promise<void>;
  /**
   * Stores an entry. Appends to one partition are stored in the order of the calls, up to `appendsAtOnce` of them.
   *
   * @throws LogUnavailableError nothing was stored, nor will be.
   * @throws LogUnknownError it may have been stored, or may be later: anything after the bytes were given to a socket.
   */
  append(partition: number, data: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Begins to read, or begins again elsewhere: no entry of the former reader follows. */
  tail(partition: number, start: LogStart): void;
  /** @throws LogUnavailableError */
  bounds(partition: number, signal: AbortSignal): Promise<LogBounds>;
  /**
   * Reads entries apart from the tail, to compare them with what was read before.
   *
   * @param limit the maximum number of entries, > 0. Fewer are returned only at the end of the log.
   * @throws LogUnavailableError
   */
  read(partition: number, start: LogStart, limit: number, signal: AbortSignal): Promise<readonly LogEntry[]>;
}

/** Nothing was done, and another attempt may succeed. */
export class LogUnavailableError extends Error {
  override readonly name: string = 'LogUnavailableError';
}

/** The log cannot be used until somebody changes its settings, the server's, or the gateway's. */
export class LogRefusedError extends LogUnavailableError {
  override readonly name = 'LogRefusedError';
}

/** Something was done, or may still be done. */
export class LogUnknownError extends Error {
  override readonly name = 'LogUnknownError';
}
