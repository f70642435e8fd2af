import type { Json, Position } from '@holdfast/protocol';

/** What a message holds: who published it as its how-manieth, and when for the first time (ms since the Unix epoch). */
export interface Numbered {
  readonly text: string;
  readonly at: number;
}

export function textOf(data: Json): string {
  return (data as unknown as Numbered).text;
}

/** What an application was told of its channel. A gap has no text. */
export interface Told extends Position {
  readonly text?: string;
  /** When it was told, in ms since the Unix epoch. */
  readonly at: number;
  /** When it was published for the first time. */
  readonly publishedAt?: number;
}

/** The life of one socket of a client, in ms since the Unix epoch. */
export interface SocketLife {
  readonly startedAt: number;
  /** The HTTP status that refused the upgrade. */
  refused?: number;
  node?: string;
  subscribedAt?: number;
  /** When its last frame came. */
  heardAt?: number;
  /** The gateway told it to go. */
  invitedAt?: number;
  closedAt?: number;
  closeCode?: number;
  /** Whether the client itself began to close it. */
  leftByClient?: true;
}

export type ClientKind = 'library' | 'plain';

/** All that one client saw. */
export interface Journal {
  readonly id: number;
  readonly kind: ClientKind;
  readonly channel: string;
  readonly sockets: SocketLife[];
  readonly told: Told[];
  /** Where the subscription began. */
  start?: Position;
  /** The texts of all message frames that its sockets received, written down apart from what the application is told. */
  readonly seen: Set<string>;
}

export function emptyJournal(id: number, kind: ClientKind, channel: string): Journal {
  return { id, kind, channel, sockets: [], told: [], seen: new Set() };
}

export interface Acknowledged extends Position {
  readonly channel: string;
  readonly text: string;
}

/** The last position that the application was told. */
export function positionOf({ told, start }: Journal): Position | undefined {
  return told.at(-1) ?? start;
}
