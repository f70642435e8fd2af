import type { Json, Position } from '@holdfast/protocol';

/** The content of a message: its publisher and number, and when it was first published (ms since the Unix epoch). */
export interface Numbered {
  readonly text: string;
  readonly at: number;
}

export function textOf(data: Json): string {
  return (data as unknown as Numbered).text;
}

/** An event that an application received on its channel. A gap has no text. */
export interface JournalEntry extends Position {
  readonly text?: string;
  /** When it was received, in ms since the Unix epoch. */
  readonly at: number;
  /** When it was first published. */
  readonly publishedAt?: number;
}

/** The lifetime of one socket of a client, in ms since the Unix epoch. */
export interface SocketLife {
  readonly startedAt: number;
  /** The HTTP status of a refused upgrade. */
  refused?: number;
  node?: string;
  subscribedAt?: number;
  /** When its last frame arrived. */
  heardAt?: number;
  /** The gateway asked it to leave. */
  invitedAt?: number;
  closedAt?: number;
  closeCode?: number;
  /** Whether the client started to close it. */
  leftByClient?: true;
}

export type ClientKind = 'library' | 'plain';

/** Everything that one client received. */
export interface Journal {
  readonly id: number;
  readonly kind: ClientKind;
  readonly channel: string;
  readonly sockets: SocketLife[];
  readonly entries: JournalEntry[];
  /** The position at the start of the subscription. */
  start?: Position;
  /** The texts of all message frames that its sockets received, recorded independently of what the application received. */
  readonly seen: Set<string>;
}

export function emptyJournal(id: number, kind: ClientKind, channel: string): Journal {
  return { id, kind, channel, sockets: [], entries: [], seen: new Set() };
}

export interface Acknowledged extends Position {
  readonly channel: string;
  readonly text: string;
}

/** The last position that the application received. */
export function positionOf({ entries, start }: Journal): Position | undefined {
  return entries.at(-1) ?? start;
}
