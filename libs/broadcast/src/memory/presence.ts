import type { ChannelMember, MemberList, MembersQuery } from '../broker.js';
import { withinBytes } from '../within-bytes.js';

interface Lease {
  readonly member: ChannelMember;
  readonly holder: string;
}

/** Who is in which channel. A channel without members takes no room. */
export class Presence {
  /** The inner maps keep the order of joining, also when a lease changes hands. */
  readonly #channels = new Map<string, Map<string, Lease>>();

  /** Returns whether the member is new, or has new details. */
  join(channel: string, member: ChannelMember, holder: string): boolean {
    let leases = this.#channels.get(channel);
    if (leases === undefined) {
      leases = new Map();
      this.#channels.set(channel, leases);
    }
    const former = leases.get(member.client);
    leases.set(member.client, { member, holder });
    return former?.member.details !== member.details;
  }

  /** Returns who left: nobody, where the holder has not got the client. */
  leave(channel: string, client: string, holder: string): ChannelMember | undefined {
    const leases = this.#channels.get(channel);
    const lease = leases?.get(client);
    if (leases === undefined || lease?.holder !== holder) return undefined;
    leases.delete(client);
    if (leases.size === 0) this.#channels.delete(channel);
    return lease.member;
  }

  count(channel: string): number {
    return this.#channels.get(channel)?.size ?? 0;
  }

  members(channel: string, { limit, maxBytes = Infinity }: MembersQuery): MemberList {
    const leases = this.#channels.get(channel);
    const members: ChannelMember[] = [];
    for (const { member } of leases?.values() ?? []) {
      if (members.length >= limit) break;
      members.push(member);
    }
    return { members: withinBytes(members, maxBytes, sizeOf), count: this.count(channel) };
  }
}

function sizeOf({ client, details }: ChannelMember): number {
  return Buffer.byteLength(JSON.stringify({ client, details }));
}
