import type { ChannelMember, MemberList, MembersQuery, MembershipChange } from '../../broker.js';
import type { Restored } from '../../membership/leased-entries.js';
import type { MemberEntry, PresenceStore } from '../../membership/leased-presence.js';
import { withinBytes } from '../../within-bytes.js';
import type { MemberOutcome, Outcome } from '../fold/outcome.js';
import type { Partition } from '../partition/partition.js';
import { written } from './record.js';

type OnLate = (event: 'join' | 'leave', channel: string, member: ChannelMember, count: number) => void;

/** The members of the channels of one partition. */
export class LogPresenceStore implements PresenceStore {
  readonly #partition: Partition;
  readonly #pod: () => string;
  readonly #onLate: OnLate;

  /** @param onLate receives what changes without a call of `join` or `leave`. */
  constructor(partition: Partition, pod: () => string, onLate: OnLate) {
    this.#partition = partition;
    this.#pod = pod;
    this.#onLate = onLate;
  }

  async join(channel: string, entry: MemberEntry): Promise<MembershipChange> {
    const { member, holder } = entry;
    const record = { kind: 'join', channel, member, holder, since: undefined } as const;
    const { event, count, since } = await written(this.#partition, record, memberOutcome);
    entry.since = since;
    return { changed: event !== undefined, count };
  }

  async leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    const record = { kind: 'leave', channel, client, holder } as const;
    const { event, count } = await written(this.#partition, record, memberOutcome);
    return { changed: event !== undefined, count };
  }

  async members(channel: string, { limit, maxBytes = Infinity }: MembersQuery): Promise<MemberList> {
    const fold = await this.#partition.current();
    const held = fold.members.get(channel);
    const members: ChannelMember[] = [];
    for (const { value } of held?.values() ?? []) {
      if (members.length >= limit) break;
      members.push(value);
    }
    return { members: withinBytes(members, maxBytes, sizeOf), count: held?.size ?? 0 };
  }

  async restore(channel: string, entries: readonly (readonly [string, MemberEntry])[]): Promise<Restored> {
    const outcomes = await Promise.all(
      entries.map(async ([, { member, holder, since }]) =>
        written(this.#partition, { kind: 'join', channel, member, holder, since }, memberOutcome),
      ),
    );
    for (const outcome of outcomes) this.#report(outcome);
    const total = (await this.stored(channel)).length;
    return { own: outcomes.filter(({ isOwn }) => isOwn).length, total };
  }

  async remove(channel: string, clients: readonly string[]): Promise<void> {
    const outcomes = await Promise.all(
      clients.map(async (client) => written(this.#partition, { kind: 'evict', channel, client }, memberOutcome)),
    );
    for (const outcome of outcomes) this.#report(outcome);
  }

  async stored(channel: string): Promise<string[]> {
    const pod = this.#pod();
    const held = this.#partition.fold?.members.get(channel) ?? new Map();
    return [...held].filter(([, { pod: owner }]) => owner.id === pod).map(([client]) => client);
  }

  /** Members do not expire. */
  async prolong(): Promise<boolean> {
    return true;
  }

  /** The fold removes the members of a dead pod. */
  async sweep(): Promise<boolean> {
    return false;
  }

  #report({ event, channel, member, count }: MemberOutcome): void {
    if (event !== undefined) this.#onLate(event, channel, member, count);
  }
}

function memberOutcome(outcome: Outcome): MemberOutcome {
  if (outcome.kind !== 'member') throw new TypeError(`unexpected outcome of a member's record: ${outcome.kind}`);
  return outcome;
}

function sizeOf({ client, details }: ChannelMember): number {
  return Buffer.byteLength(JSON.stringify({ client, details }));
}
