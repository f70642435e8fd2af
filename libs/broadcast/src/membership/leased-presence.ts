import type { ChannelMember, MemberList, MembershipChange, MembersQuery } from '../broker.js';
import { BrokerUnavailableError } from '../errors.js';
import { LeasedEntries, type LeasedEntry, type LeasedEntryStore } from './leased-entries.js';
import type { GroupIndex } from './pod-index.js';

export interface MemberEntry extends LeasedEntry {
  readonly member: ChannelMember;
  /** Since when the holder has the client: by the server's clock once it has answered, until then by this pod's estimate. */
  since: number;
}

/** Stores members. A group is a channel. It reports late members itself, as only it knows what was announced. */
export interface PresenceStore extends LeasedEntryStore<MemberEntry> {
  /** Sets `since` of the entry. */
  join(channel: string, entry: MemberEntry): Promise<MembershipChange>;
  leave(channel: string, client: string, holder: string): Promise<MembershipChange>;
  members(channel: string, query: MembersQuery): Promise<MemberList>;
}

/** The members of channels. Those of this pod live as long as its lease. */
export class LeasedPresence {
  readonly entries: LeasedEntries<MemberEntry>;
  readonly #store: PresenceStore;
  readonly #now: () => number;

  constructor(store: PresenceStore, index: GroupIndex, now: () => number) {
    this.#store = store;
    this.#now = now;
    this.entries = new LeasedEntries('presence', store, index);
  }

  async join(channel: string, member: ChannelMember, holder: string): Promise<MembershipChange> {
    const { client } = member;
    const entry: MemberEntry = { member, holder, since: this.#now() };
    this.entries.add(channel, client, entry);
    try {
      return await this.entries.write(channel, client, entry, async () => this.#store.join(channel, entry));
    } catch (error) {
      if (error instanceof BrokerUnavailableError) this.entries.rollBack(channel, client, entry);
      throw error;
    }
  }

  async leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    return this.entries.remove(channel, client, holder, async () => this.#store.leave(channel, client, holder));
  }

  async members(channel: string, query: MembersQuery): Promise<MemberList> {
    return this.#store.members(channel, query);
  }
}
