import type { StreamInfo } from '@nats-io/jetstream';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { LogEntry, LogOffset, LogStart } from '../log/log-adapter.js';
import type { Session } from './connection.js';
import { ApiCode, apiCodeOf, permissionProblem } from './errors.js';
import { BATCH, fetchBatch, firstOf, hasEntrySince, lagPause } from './fetch.js';
import { entryOf } from './message.js';
import { settled } from '../log/settled.js';
import type { PartitionNames } from './streams.js';

export interface TailEvents {
  /** In order, each once, without a hole. */
  onEntries(entries: readonly LogEntry[]): void;
  /** Called once. @param isCut whether entries are gone that were read, or were to be read. */
  onEnd(reason: string, isCut: boolean): void;
}

/** ms between two calls of `tick`. */
export const TICK = 250;
/** Ticks without an entry, after which the server is asked whether there is one. */
const QUIET_TICKS = 8;
/** Pauses for a copy of the stream that lags behind, after which the entries may be gone. */
const MAX_PAUSES = 25;
/** ms that the server has to answer. */
const PATIENCE = 1_500;

/**
 * Follows a stream by the copies of its messages that the leader republishes once they are stored. What these miss is read from
 * the stream: entries from before, and those of a time without connection or leader. Without a consumer there is nothing on the
 * server that has to be created again, perhaps on a server that is gone, before reading goes on.
 */
export class Tail {
  readonly #subscription: Subscription;
  /** The entry that is handed out next; undefined until the server has been asked where to begin. */
  #next: LogOffset | undefined;
  /** An entry that exists, the last one that is known. */
  #known: LogOffset = 0;
  /** The entry that was republished last. */
  #live: LogOffset = 0;
  #incarnation: string | undefined;
  #ready: LogEntry[] = [];
  #quietTicks = 0;
  #isCatchingUp = false;
  #isEnded = false;

  constructor(
    private readonly session: Session,
    private readonly names: PartitionNames,
    private readonly start: LogStart,
    private readonly events: TailEvents,
  ) {
    this.#subscription = session.connection.subscribe(names.live, {
      callback: (error, message) => (error === null ? this.#receive(message) : this.#fail(error)),
    });
    this.#catchUp(true);
  }

  /** Called every {@link TICK} ms. */
  tick(): void {
    this.#quietTicks += 1;
    const isQuiet = this.#quietTicks >= QUIET_TICKS;
    if (isQuiet) this.#quietTicks = 0;
    if (isQuiet || this.#next === undefined || this.#next <= this.#known) this.#catchUp(isQuiet);
  }

  /** Reports an entry that exists; if it does not arrive soon, it is read. */
  expect(offset: LogOffset): void {
    this.#known = Math.max(this.#known, offset);
  }

  /** No event follows. */
  stop(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#subscription.unsubscribe();
  }

  #receive(message: Msg): void {
    if (this.#isEnded) return;
    const entry = entryOf(message);
    if (entry.offset <= this.#live) {
      this.#end(`entries of stream ${this.names.stream} came again`);
      return;
    }
    this.#live = entry.offset;
    this.expect(entry.offset);
    this.#accept(entry);
    if (this.#next !== undefined && this.#next < entry.offset) this.#catchUp(false);
  }

  /** Hands out an entry if it is the next one, together with those that arrive in the same moment. */
  #accept(entry: LogEntry): void {
    if (entry.offset !== this.#next) return;
    this.#next += 1;
    this.#quietTicks = 0;
    if (this.#ready.length === 0) queueMicrotask(() => this.#flush());
    this.#ready.push(entry);
  }

  #flush(): void {
    const entries = this.#ready;
    this.#ready = [];
    if (entries.length > 0 && !this.#isEnded) this.events.onEntries(entries);
  }

  /** Reads what is known and has not arrived. @param looks whether the server is asked first what there is. */
  #catchUp(looks: boolean): void {
    if (this.#isCatchingUp || this.#isEnded) return;
    this.#isCatchingUp = true;
    this.#read(looks)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#isCatchingUp = false;
      });
  }

  async #read(looks: boolean): Promise<void> {
    if (looks || this.#next === undefined) await this.#look();
    for (let pauses = 0; !this.#isEnded && this.#next !== undefined && this.#next <= this.#known;) {
      const offset = this.#next;
      const entries = await fetchBatch(this.session, this.names, { offset }, BATCH);
      if (this.#isEnded) return;
      if (entries[0] !== undefined && entries[0].offset > this.#next) {
        this.#endCut(`entries of stream ${this.names.stream} are gone before ${entries[0].offset}`);
        return;
      }
      for (const entry of entries) this.#accept(entry);
      // Handed out before more is read, so that reading is not faster than the engine.
      this.#flush();
      if (this.#next !== offset) continue;
      pauses += 1;
      await lagPause();
      if (pauses % MAX_PAUSES === 0) await this.#look();
    }
  }

  /** Asks the leader of the stream what there is. */
  async #look(): Promise<void> {
    const { stream } = this.names;
    // More may be stored and republished before the answer arrives.
    const handedOut = this.#next;
    const { created, state } = await this.#info();
    if (this.#isEnded) return;
    const isOther = this.#incarnation !== undefined && created !== this.#incarnation;
    this.#incarnation = created;
    if (this.#next === undefined || handedOut === undefined) {
      const next = await this.#resolve(state);
      if (this.#isEnded) return;
      if (next > state.last_seq + 1) this.#endCut(`stream ${stream} ends before entry ${next}`);
      this.#next = next;
    } else if (isOther || state.last_seq < handedOut - 1) {
      this.#endCut(`stream ${stream} was deleted or cut`);
    } else if (state.first_seq > this.#next) {
      this.#endCut(`entries of stream ${stream} are gone before ${state.first_seq}`);
    }
    this.expect(state.last_seq);
  }

  async #info(): Promise<StreamInfo> {
    const call = this.session.manager.streams.info(this.names.stream);
    return settled(call, AbortSignal.timeout(PATIENCE));
  }

  async #resolve(state: StreamInfo['state']): Promise<LogOffset> {
    const { start } = this;
    const next = state.last_seq + 1;
    if (start === 'next') return next;
    const first = firstOf(state);
    if (start === 'first') return first;
    if ('offset' in start) return Math.max(start.offset, first);
    if (!hasEntrySince(state, start.time)) return next;
    for (;;) {
      const [entry] = await fetchBatch(this.session, this.names, start, 1);
      if (entry !== undefined) return entry.offset;
      await lagPause();
    }
  }

  /** An error ends the tail only if it will not go away by itself. */
  #fail(error: unknown): void {
    const permission = permissionProblem(error);
    if (permission !== undefined) this.#end(permission.message);
    else if (apiCodeOf(error) === ApiCode.streamNotFound) this.#endCut(`stream ${this.names.stream} does not exist`);
  }

  #endCut(reason: string): void {
    this.#end(reason, true);
  }

  #end(reason: string, isCut = false): void {
    if (this.#isEnded) return;
    this.#flush();
    this.stop();
    this.events.onEnd(reason, isCut);
  }
}
