import type { Message, Position, Publication } from '@holdfast/client';
import { readContent } from './content.js';
import type { OutgoingMessage } from './outbox.js';
import { personId } from './presence.js';

/** How many entries a room keeps; older ones are dropped from the page. */
export const MAX_ENTRIES = 500;

export type MessageState = 'sending' | 'sent' | 'failed';

/** The author id of everything that this page's user wrote. */
export const OWN = 'own';

export interface Author {
  /** The same for everything that one person wrote. */
  readonly id: string;
  readonly name: string;
  readonly own: boolean;
}

export interface MessageEntry {
  readonly kind: 'message';
  /** Stays the same while a message goes from `sending` to `sent`. */
  readonly id: string;
  readonly key?: string;
  readonly state: MessageState;
  readonly author: Author;
  readonly text: string;
  /** In ms since the Unix epoch; the broker's clock once it is stored. */
  readonly time: number;
  /** Where the message stands in the channel's stream, once that is known. */
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

/** What a room shows: the stream as far as it arrived, then what this page sent and has not seen in the stream yet. */
export class Timeline {
  #stream: Entry[] = [];
  #outgoing: OutgoingEntry[] = [];
  #epoch = '';
  #latest = 0;
  #notices = 0;
  #arrivals = 0;
  /** The positions shown, so that a message which comes both live and with the history appears once. */
  readonly #shown = new Set<string>();

  get entries(): readonly Entry[] {
    return [...this.#stream, ...this.#outgoing];
  }

  /** How many messages of others the stream has brought so far. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** The subscription stands in this epoch: offsets of what follows count in it. */
  begin(epoch: string): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#latest = 0;
  }

  /**
   * Adds what the stream brought, at its place by offset.
   *
   * @param user this page's user, to tell its own messages.
   * @returns the new entry, or undefined where it was shown already.
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

  /** Shows a message that is on its way out, below everything else. */
  send({ key, text, name, time, failed }: OutgoingMessage): void {
    this.#takeOutgoing(key);
    const author = { id: OWN, name, own: true };
    const state = failed ? 'failed' : 'sending';
    this.#outgoing.push({ kind: 'message', id: `key/${key}`, key, state, author, text, time });
  }

  /** The gateway stored the message; it gets its place when the stream brings it, or at once where the stream is past it. */
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

  /** Something between what is shown and `position` is lost: says so, and keeps what is shown. */
  interrupt(position: Position, reason: 'gap' | 'not_recovered'): void {
    // What was stored in an epoch that has ended will not come with the stream any more.
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

  /** Live messages come in order; the history that is loaded after a break may come later than they do. */
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
