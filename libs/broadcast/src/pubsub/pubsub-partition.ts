import type { LogEntry, LogOffset, LogStart } from '../log/log-adapter.js';
import { LogUnavailableError } from '../log/log-adapter.js';
import { decodeEntry } from '../log/records/entry-codec.js';
import { settled } from '../log/settled.js';
import type { Claim, Content, Message } from './message.js';
import { Placing } from './placing.js';
import { Replica } from './replica.js';

/** Entries that are handed out before other work gets its turn. */
const BATCH = 500;

const NO_PLACE = 'the place of this pod in the log is not known yet';

/** All calls are synchronous, and must not throw. */
export interface PartitionEvents {
  onEntries(entries: readonly LogEntry[]): void;
  /** The reader has ended, because what was read before is not here any more. */
  onInterrupted(reason: string): void;
}

/** One partition: what was received of it, the place of this pod in it, and its reader. */
export class PubsubPartition {
  readonly #events: PartitionEvents;
  readonly #replica: Replica;
  readonly #placing: Placing;
  readonly #marks = new Map<string, () => void>();
  #isReading = false;
  #isBegun = false;
  /** Where the reader is; before that is known, where it begins. */
  #at: LogOffset | LogStart = 'first';
  #isScheduled = false;

  constructor(publish: (content: Content) => Promise<unknown>, patience: number, events: PartitionEvents) {
    this.#events = events;
    this.#replica = new Replica({
      onHello: (question, generation, next) => this.#placing.answer(question, generation, next),
      onAnswer: (question) => this.#placing.answered(question),
      onPlaced: () => this.#schedule(),
      onMark: (token) => this.#marks.get(token)?.(),
      onLost: () => this.restart('this pod has missed messages of the log'),
      onRenumbered: () => this.#interrupt('another pod has begun the log again'),
    });
    this.#placing = new Placing({ replica: this.#replica, publish, patience });
  }

  get isPlaced(): boolean {
    return this.#replica.isPlaced;
  }

  /** What this pod has read last. */
  get claim(): Claim | undefined {
    return this.#replica.claim;
  }

  /** Whether pods have begun to use the partition: before that, nobody knows what may be published. */
  get isBegun(): boolean {
    this.#isBegun ||= this.isPlaced && (this.#replica.first > 0 || this.#replica.entries('first', BATCH).some(isEra));
    return this.#isBegun;
  }

  receive(message: Message): void {
    this.#replica.receive(message);
    this.#schedule();
  }

  /** Forgets everything, and looks for the place in what is received from now on. */
  restart(reason: string): void {
    this.#placing.restart();
    this.#interrupt(reason);
  }

  close(): void {
    this.#placing.stop();
    this.#isReading = false;
  }

  /** Begins to hand out entries: those from `start` on, when the place is known. */
  tail(start: LogStart): void {
    this.#isReading = true;
    this.#at = start;
    this.#schedule();
  }

  /**
   * Resolves when the pod's own message has been received.
   *
   * @throws LogUnavailableError
   */
  async marked(token: string, signal: AbortSignal): Promise<void> {
    if (!this.isPlaced) throw new LogUnavailableError(NO_PLACE);
    const mark = Promise.withResolvers<void>();
    this.#marks.set(token, mark.resolve);
    try {
      await settled(mark.promise, signal, () => new LogUnavailableError('Pub/Sub did not deliver in time'));
    } finally {
      this.#marks.delete(token);
    }
  }

  /** Whether the log goes on behind `start`, with nothing received of it yet: then nobody can see that this pod has missed something. */
  isSilentAfter(start: LogStart): boolean {
    const { isPlaced, first, next } = this.#replica;
    return isPlaced && first === next && typeof start === 'object' && 'offset' in start && start.offset < next;
  }

  /**
   * Entries that were received.
   *
   * @throws LogUnavailableError
   */
  read(start: LogStart, limit: number): readonly LogEntry[] {
    if (!this.isPlaced) throw new LogUnavailableError(NO_PLACE);
    return this.#replica.entries(start, limit);
  }

  #interrupt(reason: string): void {
    this.#isBegun = false;
    if (!this.#isReading) return;
    this.#isReading = false;
    this.#events.onInterrupted(reason);
  }

  #schedule(): void {
    if (this.#isScheduled || !this.#isReading || !this.isPlaced) return;
    if (this.#at === this.#replica.next) return;
    // Where it begins does not move any more.
    if (this.#at === 'next') this.#at = this.#replica.next;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    if (!this.#isReading || !this.isPlaced) return;
    const from = typeof this.#at === 'number' ? { offset: this.#at } : this.#at;
    const isTrimmed = typeof from === 'object' && 'offset' in from && from.offset < this.#replica.first;
    if (isTrimmed && typeof this.#at === 'number') {
      this.#interrupt('the engine is too slow to read what is received');
      return;
    }
    const entries = this.#replica.entries(from, BATCH);
    const last = entries.at(-1);
    if (last === undefined) return;
    this.#at = last.offset + 1;
    this.#events.onEntries(entries);
    this.#schedule();
  }
}

function isEra({ data }: LogEntry): boolean {
  const decoded = decodeEntry(data);
  return decoded.kind === 'entry' && decoded.entry.records.some(({ kind }) => kind === 'era');
}
