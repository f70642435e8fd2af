import type { ChannelMember, MemberList, MembersQuery } from '../broker.js';
import { withinBytes } from '../within-bytes.js';

interface Entry {
  readonly member: ChannelMember;
  readonly holder: string;
}

/** The members of channels. A channel without members takes no memory. */
export class MemoryPresence {
  /** The inner maps keep the order of joining, even if the holder changes. */
  readonly #channels = new Map<string, Map<string, Entry>>();

  /** @returns whether the member is new or has new details. */
  join(channel: string, member: ChannelMember, holder: string): boolean {
    let entries = this.#channels.get(channel);
    if (entries === undefined) {
      entries = new Map();
      this.#channels.set(channel, entries);
    }
    const former = entries.get(member.client);
    entries.set(member.client, { member, holder });
    return former?.member.details !== member.details;
  }

  /** @returns the member that left; undefined if the client belongs to another holder. */
  leave(channel: string, client: string, holder: string): ChannelMember | undefined {
    const entries = this.#channels.get(channel);
    const entry = entries?.get(client);
    if (entries === undefined || entry?.holder !== holder) return undefined;
    entries.delete(client);
    if (entries.size === 0) this.#channels.delete(channel);
    return entry.member;
  }

  count(channel: string): number {
    return this.#channels.get(channel)?.size ?? 0;
  }

  members(channel: string, { limit, maxBytes = Infinity }: MembersQuery): MemberList {
    const entries = this.#channels.get(channel);
    const members: ChannelMember[] = [];
    for (const { member } of entries?.values() ?? []) {
      if (members.length >= limit) break;
      members.push(member);
    }
    return { members: withinBytes(members, maxBytes, sizeOf), count: this.count(channel) };
  }
}

function sizeOf({ client, details }: ChannelMember): number {
  return Buffer.byteLength(JSON.stringify({ client, details }));
}
