import type { Message, Position, Publication } from '@holdfast/client';
import { readContent } from './content.js';
import type { OutgoingMessage } from './outbox.js';
import { personId } from './presence.js';

/** The maximum number of entries in a room; older ones are removed from the page. */
export const MAX_ENTRIES = 500;

export type MessageState = 'sending' | 'sent' | 'failed';

/** The author id of everything that this page's user wrote. */
export const OWN = 'own';

export interface Author {
  /** Identifies the author of a message. */
  readonly id: string;
  readonly name: string;
  readonly own: boolean;
}

export interface MessageEntry {
  readonly kind: 'message';
  /** Does not change when a message goes from `sending` to `sent`. */
  readonly id: string;
  readonly key?: string;
  readonly state: MessageState;
  readonly author: Author;
  readonly text: string;
  /** In ms since the Unix epoch; by the broker's clock once it is stored. */
  readonly time: number;
  /** The message's position in the channel's stream, once it is known. */
  readonly position?: Position;
}

export type NoticeReason = 'gap' | 'not_recovered' | 'removed' | 'refused';

export interface NoticeEntry {
  readonly kind: 'notice';
  readonly id: string;
  readonly reason: NoticeReason;
}

export type Entry = MessageEntry | NoticeEntry;

type OutgoingEntry = MessageEntry & { readonly key: string };

/** The entries of a room: the received stream, followed by messages of this page that have not appeared in the stream yet. */
export class Timeline {
  #stream: Entry[] = [];
  #outgoing: OutgoingEntry[] = [];
  #epoch = '';
  #latest = 0;
  #notices = 0;
  #arrivals = 0;
  /** The positions shown, so that a message that is received both live and with the history appears once. */
  readonly #shown = new Set<string>();

  get entries(): readonly Entry[] {
    return [...this.#stream, ...this.#outgoing];
  }

  /** The number of received messages of others. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** Sets the epoch of the offsets that follow. */
  begin(epoch: string): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#latest = 0;
  }

  /**
   * Adds a message from the stream, ordered by offset.
   *
   * @param user this page's user, to recognize its own messages.
   * @returns the new entry, or undefined if it is already shown.
   */
  receive(message: Message | Publication, user: string | undefined): MessageEntry | undefined {
    const { offset, time, key, sender } = message;
    const position = { epoch: this.#epoch, offset };
    const id = idOf(position);
    if (this.#shown.has(id)) return undefined;
    this.#latest = Math.max(this.#latest, offset);
    const content = readContent(message.data);
    const own = sender?.user !== undefined && sender.user === user;
    const sent = own && key !== undefined ? this.#takeOutgoing(key) : undefined;
    const entry: MessageEntry = {
      kind: 'message',
      id: sent?.id ?? id,
      ...(key === undefined ? {} : { key }),
      state: 'sent',
      author: {
        id: own ? OWN : sender === undefined ? `api:${content.name ?? ''}` : personId(sender),
        name: content.name ?? (sender === undefined ? 'Backend' : 'Guest'),
        own,
      },
      text: content.text,
      time,
      position,
    };
    this.#insert(entry, position);
    if (!own) this.#arrivals += 1;
    return entry;
  }

  /** Shows a message that is being sent, below everything else. */
  send({ key, text, name, time, failed }: OutgoingMessage): void {
    this.#takeOutgoing(key);
    const author = { id: OWN, name, own: true };
    const state = failed ? 'failed' : 'sending';
    this.#outgoing.push({ kind: 'message', id: `key/${key}`, key, state, author, text, time });
  }

  /** The gateway stored the message. It moves to its place when the stream contains it, or at once if the stream is already past it. */
  confirm(key: string, position: Position): void {
    const index = this.#outgoing.findIndex((entry) => entry.key === key);
    const entry = this.#outgoing[index];
    if (entry === undefined) return;
    const sent = { ...entry, state: 'sent', position } as const;
    if (position.epoch !== this.#epoch || position.offset > this.#latest) {
      this.#outgoing[index] = sent;
    } else {
      this.discard(key);
      this.#insert(sent, position);
    }
  }

  fail(key: string): void {
    this.#outgoing = this.#outgoing.map((entry) => (entry.key === key ? { ...entry, state: 'failed' } : entry));
  }

  discard(key: string): void {
    this.#takeOutgoing(key);
  }

  /** Messages before `position` are lost: shows a notice, and keeps the existing entries. */
  interrupt(position: Position, reason: 'gap' | 'not_recovered'): void {
    // Messages stored in a previous epoch will not appear in the stream any more.
    for (const entry of this.#outgoing) {
      if (entry.state !== 'sent' || entry.position?.epoch === position.epoch) continue;
      this.discard(entry.key);
      this.#stream.push(entry);
    }
    this.notice(reason);
    this.begin(position.epoch);
  }

  notice(reason: NoticeReason): void {
    this.#notices += 1;
    this.#stream.push({ kind: 'notice', id: `notice/${this.#notices}`, reason });
  }

  #takeOutgoing(key: string): OutgoingEntry | undefined {
    const found = this.#outgoing.find((entry) => entry.key === key);
    if (found !== undefined) this.#outgoing = this.#outgoing.filter((entry) => entry !== found);
    return found;
  }

  /** Live messages arrive in order; history that is loaded after a gap may arrive after them. */
  #insert(entry: MessageEntry, position: Position): void {
    this.#shown.add(idOf(position));
    let index = this.#stream.length;
    while (index > 0 && isAfter(this.#stream[index - 1], position)) index -= 1;
    this.#stream.splice(index, 0, entry);
    for (const dropped of this.#stream.splice(0, this.#stream.length - MAX_ENTRIES)) {
      if (dropped.kind === 'message' && dropped.position !== undefined) this.#shown.delete(idOf(dropped.position));
    }
  }
}

function idOf({ epoch, offset }: Position): string {
  return `${epoch}/${offset}`;
}

function isAfter(entry: Entry | undefined, { epoch, offset }: Position): boolean {
  return entry?.kind === 'message' && entry.position?.epoch === epoch && entry.position.offset > offset;
}
