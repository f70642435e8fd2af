import type { ChannelMember } from '@holdfast/broadcast';

export type PresenceEvent = 'join' | 'leave';

/** What happened to one client since the last flush. */
interface Change {
  /**
   * What listeners know about the client: its details, null if they know that it is absent, undefined if that is
   * unclear.
   */
  known: string | null | undefined;
  first: { readonly at: number; readonly event: PresenceEvent; readonly member: ChannelMember };
  last: { at: number; event: PresenceEvent; member: ChannelMember };
}

/** What to announce, and to whom: to listeners whose list is older than `after`, and not older than `from`. */
export interface Announcement {
  readonly event: PresenceEvent;
  readonly member: ChannelMember;
  readonly from: number;
  readonly after: number;
}

/**
 * The joins and leaves of a busy channel, gathered for a moment. Each client counts once, and one that joins and leaves
 * within that moment is not announced. A listener that combines a list of members with joins and leaves is right after
 * each flush.
 */
export class Announcements {
  private changes = new Map<string, Change>();
  /** What listeners know since the last flush. */
  private before = new Map<string, string | null>();

  get isEmpty(): boolean {
    return this.changes.size === 0;
  }

  /** @param at counts events: a list that was read later includes this one. */
  add(event: PresenceEvent, member: ChannelMember, at: number): void {
    const { client } = member;
    const one = { at, event, member };
    const change = this.changes.get(client);
    if (change !== undefined) {
      change.last = one;
      return;
    }
    // A client that leaves was known until now.
    const known = event === 'leave' ? member.details : this.before.get(client);
    this.changes.set(client, { known, first: one, last: one });
  }

  /** Records what was announced immediately. */
  markAnnounced(event: PresenceEvent, { client, details }: ChannelMember): void {
    this.before.set(client, event === 'join' ? details : null);
  }

  /** Takes what is to be announced, in the order in which clients first came up. */
  flush(): Announcement[] {
    const announcements = [...this.changes.values()].flatMap(announcementsOf);
    this.before = new Map(
      Array.from(this.changes, ([client, { last }]) => [client, last.event === 'join' ? last.member.details : null]),
    );
    this.changes = new Map();
    return announcements;
  }
}

function announcementsOf({ known, first, last }: Change): Announcement[] {
  // A list that was read between the two events includes the first.
  const between = { ...last, from: first.at, after: last.at };
  const announced = (one: Change['last']): Announcement => ({ ...one, from: 0, after: first.at });
  const now = last.event === 'join' ? last.member.details : null;
  const rest = first === last ? [] : [between];
  if (known === now) return rest;
  // It is unclear whether listeners know the client. A join and a leave are right in both cases.
  if (known === undefined && last.event === 'leave') return [announced(first), announced(last), ...rest];
  return [announced(last), ...rest];
}
