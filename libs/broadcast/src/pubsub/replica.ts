import type { LogEntry, LogOffset, LogStart } from '../log/log-adapter.js';
import { claimOf, contentOf, type Claim, type Content, type Message } from './message.js';
import { Seen } from './seen.js';

/** What one pod may keep of a partition, in bytes: what its engine reads again when it looks for the state. */
const MAX_BYTES = 4_194_304;
/** What an entry takes besides its data. */
const OVERHEAD = 256;
const EMPTY = new Uint8Array();

interface Kept {
  readonly entry: LogEntry;
  /** Of its message. */
  readonly id: string;
}

/** All calls are synchronous, and must not throw. */
export interface ReplicaEvents {
  /** Another pod asks for its place. */
  onHello(question: string, generation: string, next: LogOffset): void;
  /** Some pod has answered. */
  onAnswer(question: string): void;
  onPlaced(): void;
  onMark(token: string): void;
  /** Entries that other pods have read are missing here. */
  onLost(): void;
  /** Offsets have begun again. */
  onRenumbered(): void;
}

/**
 * What a pod has received of one partition. Pub/Sub has no offsets, but the same order of an ordering key for all subscriptions: so
 * pods count entries, and a pod that has just subscribed learns from another one where it is. All of them come to the same numbers,
 * because the answer refers to a message of the partition itself.
 */
export class Replica {
  readonly #events: ReplicaEvents;
  readonly #seen = new Seen();
  #kept: Kept[] = [];
  #bytes = 0;
  #generation: string | undefined;
  #next: LogOffset = 0;
  #token: string | undefined;
  /** What was received since the own question, while the place is not known. */
  #held: { readonly message: Message; readonly content: Content }[] | undefined;

  constructor(events: ReplicaEvents) {
    this.#events = events;
  }

  /** Whether offsets are known. */
  get isPlaced(): boolean {
    return this.#generation !== undefined;
  }

  /** Whether the own question has been received, and with it everything that follows. */
  get hasHeard(): boolean {
    return this.isPlaced || this.#held !== undefined;
  }

  /** The offset of the first entry that is kept; equals `next` if none is. */
  get first(): LogOffset {
    return this.#kept[0]?.entry.offset ?? this.#next;
  }

  get next(): LogOffset {
    return this.#next;
  }

  /** Of the last entry; undefined if there is none. */
  get claim(): Claim | undefined {
    const last = this.#kept.at(-1);
    if (last === undefined || this.#generation === undefined) return undefined;
    return { generation: this.#generation, offset: last.entry.offset, id: last.id };
  }

  /** Forgets everything but what must not be received twice. @param token of the `hello` that the pod publishes next. */
  forget(token: string): void {
    this.#generation = undefined;
    this.#held = undefined;
    this.#token = token;
    this.#clear(0);
  }

  /** The index of the first kept entry to read. */
  indexOf(start: LogStart): number {
    if (start === 'first') return 0;
    if (start === 'next') return this.#kept.length;
    if ('offset' in start) return Math.min(Math.max(start.offset - this.first, 0), this.#kept.length);
    const index = this.#kept.findIndex(({ entry }) => (entry.time ?? 0) >= start.time);
    return index === -1 ? this.#kept.length : index;
  }

  entries(start: LogStart, limit: number): LogEntry[] {
    const index = this.indexOf(start);
    return this.#kept.slice(index, index + limit).map(({ entry }) => entry);
  }

  receive(message: Message): void {
    if (!this.#seen.add(message.id, message.time)) return;
    const content = contentOrUndefined(message);
    if (content === undefined) return;
    if (this.isPlaced) this.#read(message, content);
    else this.#hold(message, content);
  }

  #hold(message: Message, content: Content): void {
    if (this.#held === undefined) {
      if (content.kind !== 'hello' || content.token !== this.#token) return;
      this.#held = [];
    }
    if (content.kind === 'begin') {
      this.#place(content.generation, 0, -1);
      return;
    }
    if (content.kind === 'place') {
      const index = this.#held.findIndex(({ message: { id } }) => id === content.of);
      if (index !== -1) this.#place(content.generation, content.next, index);
      return;
    }
    this.#held.push({ message, content });
  }

  /** @param index of the held message before the entry with the offset `next`; -1 if none of them counts. */
  #place(generation: string, next: LogOffset, index: number): void {
    const held = index === -1 ? [] : (this.#held?.slice(index + 1) ?? []);
    this.#held = undefined;
    this.#generation = generation;
    this.#clear(next);
    this.#events.onPlaced();
    for (const { message, content } of held) {
      // One of them may have shown that something is missing.
      if (this.#generation !== undefined) this.#read(message, content);
    }
  }

  #read(message: Message, content: Content): void {
    const claim = claimOf(message);
    const behind = claim === undefined ? undefined : this.#behind(claim);
    if (behind === 'reader') {
      this.#events.onLost();
      return;
    }
    switch (content.kind) {
      case 'entry':
        this.#append(message, content, behind === 'writer');
        return;
      case 'hello':
        this.#events.onHello(message.id, this.#generation ?? '', this.#next);
        return;
      case 'place':
        this.#events.onAnswer(content.of);
        return;
      case 'begin':
        this.#generation = content.generation;
        this.#clear(0);
        this.#events.onRenumbered();
        return;
      case 'mark':
        this.#events.onMark(content.token);
    }
  }

  /**
   * Which of the two has missed entries, if one has: the writer says which entry it has read last, and at which offset. Whoever has
   * counted less has lost something, and only that pod has to begin again.
   */
  #behind({ generation, offset, id }: Claim): 'reader' | 'writer' | undefined {
    if (generation !== this.#generation || offset < this.first) return undefined;
    if (this.#kept[offset - this.first]?.id === id) return undefined;
    const known = this.#kept.findLast((kept) => kept.id === id);
    return known === undefined || known.entry.offset < offset ? 'reader' : 'writer';
  }

  #append({ id, time, data }: Message, { plain }: Extract<Content, { kind: 'entry' }>, isWriterBehind: boolean): void {
    const place = { offset: this.#next, time, ...(isWriterBehind && { isWriterBehind }) };
    const entry = plain === undefined ? { ...place, data } : { ...place, data: EMPTY, plain };
    this.#next += 1;
    this.#kept.push({ entry, id });
    this.#bytes += data.length + OVERHEAD;
    if (this.#bytes > 2 * MAX_BYTES) this.#trim();
  }

  #trim(): void {
    let index = 0;
    for (; this.#bytes > MAX_BYTES && index < this.#kept.length - 1; index += 1) {
      const { data, plain } = this.#kept[index]?.entry ?? { data: EMPTY };
      this.#bytes -= data.length + (plain?.body.length ?? 0) + OVERHEAD;
    }
    this.#kept = this.#kept.slice(index);
  }

  #clear(next: LogOffset): void {
    this.#kept = [];
    this.#bytes = 0;
    this.#next = next;
  }
}

/** What a later release means is not known; the engine says so about its own records. */
function contentOrUndefined(message: Message): Content | undefined {
  try {
    return contentOf(message);
  } catch {
    return undefined;
  }
}
