import type { ChannelMember } from '@holdfast/broadcast';

export type PresenceEvent = 'join' | 'leave';

/** What happened to one client since the last flush. */
interface Change {
  /** What listeners know of the client: its details, null if they know that it is absent, undefined if nobody knows. */
  known: string | null | undefined;
  first: { readonly at: number; readonly event: PresenceEvent; readonly member: ChannelMember };
  last: { at: number; event: PresenceEvent; member: ChannelMember };
}

/** Something to announce, and to whom: to listeners whose list is older than `after`, and not older than `from`. */
export interface Announcement {
  readonly event: PresenceEvent;
  readonly member: ChannelMember;
  readonly from: number;
  readonly after: number;
}

/**
 * The joins and leaves of a busy room, gathered for a moment. Each client counts once: who joins and leaves again within it is
 * not announced. Whoever builds a list of members from an answer, joins and leaves has the right one after each flush.
 */
export class Announcements {
  private changes = new Map<string, Change>();
  /** What the last flush has left listeners with. */
  private before = new Map<string, string | null>();

  get isEmpty(): boolean {
    return this.changes.size === 0;
  }

  /** @param at counts events: a list that was read later holds what this one did. */
  add(event: PresenceEvent, member: ChannelMember, at: number): void {
    const { client } = member;
    const one = { at, event, member };
    const change = this.changes.get(client);
    if (change !== undefined) {
      change.last = one;
      return;
    }
    // Who leaves was known until now.
    const known = event === 'leave' ? member.details : this.before.get(client);
    this.changes.set(client, { known, first: one, last: one });
  }

  /** Notes what was announced at once. */
  told(event: PresenceEvent, { client, details }: ChannelMember): void {
    this.before.set(client, event === 'join' ? details : null);
  }

  /** Takes what is to be announced, in the order in which clients were first heard of. */
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
  // Those whose list was read between the two have the first in it.
  const between = { ...last, from: first.at, after: last.at };
  const announced = (one: Change['last']): Announcement => ({ ...one, from: 0, after: first.at });
  const now = last.event === 'join' ? last.member.details : null;
  const rest = first === last ? [] : [between];
  if (known === now) return rest;
  // Nobody knows whether they know the client: a join and a leave are right in both cases.
  if (known === undefined && last.event === 'leave') return [announced(first), announced(last), ...rest];
  return [announced(last), ...rest];
}
