import type { BrokerEvents, MemberList, MembershipChange, MembersQuery } from '../../broker.js';
import type { Restored } from '../../membership/leased-entries.js';
import type { MemberEntry, PresenceStore } from '../../membership/leased-presence.js';
import { sizeArgument } from '../client/arguments.js';
import { ANSWERS, parseMember } from '../input.js';
import { SCRIPTS } from '../scripts/index.js';
import { UNSWEPT_TTL, type StoreContext } from './context.js';

/** Members that one command sweeps at most. */
const SWEEP = 200;

/** Stores and announces the members of channels. */
export class RedisPresenceStore implements PresenceStore {
  readonly #context: StoreContext;
  readonly #onLateMembership: BrokerEvents['onLateMembership'];

  constructor(context: StoreContext, onLateMembership: BrokerEvents['onLateMembership']) {
    this.#context = context;
    this.#onLateMembership = onLateMembership;
  }

  async join(channel: string, entry: MemberEntry): Promise<MembershipChange> {
    const { router, keyspace, input, pod } = this.#context;
    const { member, holder } = entry;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.JOIN,
      keys: this.#keys(channel, pod),
      args: [
        member.client,
        holder,
        pod,
        encoded(entry),
        keyspace.membersOfPod(channel),
        UNSWEPT_TTL,
        keyspace.publishCommand,
        keyspace.pubSubChannel(channel),
      ],
    });
    const [changed, count, since] = input.answer(ANSWERS.join, answer, channel);
    entry.since = since;
    return { changed: changed === 1, count };
  }

  async leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    const { router, keyspace, input } = this.#context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.LEAVE,
      keys: [keyspace.members(channel), keyspace.memberOrder(channel)],
      args: [client, holder, keyspace.membersOfPod(channel), keyspace.publishCommand, keyspace.pubSubChannel(channel)],
    });
    const [changed, count] = input.answer(ANSWERS.leave, answer, channel);
    return { changed: changed === 1, count };
  }

  async members(channel: string, { limit, maxBytes = Infinity }: MembersQuery): Promise<MemberList> {
    const { router, keyspace, input } = this.#context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.MEMBERS,
      keys: [keyspace.members(channel), keyspace.memberOrder(channel)],
      args: [sizeArgument(limit), sizeArgument(maxBytes)],
    });
    const [count, ...members] = input.answer(ANSWERS.members, answer, channel);
    return { members: input.readable('member', channel, members, parseMember), count };
  }

  async restore(channel: string, entries: readonly (readonly [string, MemberEntry])[]): Promise<Restored> {
    const { router, keyspace, input, pod } = this.#context;
    const members = entries.flatMap(([client, entry]) => [client, entry.holder, encoded(entry), entry.since]);
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.REJOIN,
      keys: this.#keys(channel, pod),
      args: [
        pod,
        keyspace.membersOfPod(channel),
        UNSWEPT_TTL,
        keyspace.publishCommand,
        keyspace.pubSubChannel(channel),
        ...members,
      ],
    });
    const [own, total, ...announced] = input.answer(ANSWERS.restored, answer, channel);
    for (let index = 0; index + 1 < announced.length; index += 2) {
      const [, entry] = entries[announced[index] ?? 0] ?? [];
      if (entry !== undefined) this.#onLateMembership('join', channel, entry.member, announced[index + 1] ?? 0);
    }
    return { own, total };
  }

  async remove(channel: string, clients: readonly string[]): Promise<void> {
    const { router, keyspace, input, pod } = this.#context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.EVICT,
      keys: this.#keys(channel, pod),
      args: [pod, keyspace.publishCommand, keyspace.pubSubChannel(channel), ...clients],
    });
    this.#reportLeaves(channel, input.answer(ANSWERS.leaves, answer, channel));
  }

  async stored(channel: string): Promise<string[]> {
    const { router, keyspace, input, pod } = this.#context;
    const answer = await router.command(channel, 'smembers', keyspace.membersOfPod(channel) + pod);
    return input.answer(ANSWERS.names, answer, channel);
  }

  async prolong(channel: string): Promise<boolean> {
    const { router, pod } = this.#context;
    const keys = this.#keys(channel, pod);
    const answers = await Promise.all(keys.map(async (key) => router.command(channel, 'pexpire', key, UNSWEPT_TTL)));
    return answers.every((answer) => answer === 1);
  }

  async sweep(channel: string, dead: string): Promise<boolean> {
    const { router, keyspace, input } = this.#context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.SWEEP_MEMBERS,
      keys: this.#keys(channel, dead),
      args: [dead, SWEEP, keyspace.publishCommand, keyspace.pubSubChannel(channel)],
    });
    const [swept, ...leaves] = input.answer(ANSWERS.sweep, answer, channel);
    this.#reportLeaves(channel, leaves);
    return swept === SWEEP;
  }

  #keys(channel: string, pod: string): string[] {
    const { keyspace } = this.#context;
    return [keyspace.members(channel), keyspace.memberOrder(channel), keyspace.membersOfPod(channel) + pod];
  }

  /** @param leaves alternately the number of remaining members, and the member that left. */
  #reportLeaves(channel: string, leaves: readonly (number | string)[]): void {
    for (let index = 0; index + 1 < leaves.length; index += 2) {
      const [member] = this.#context.input.readable('member', channel, [String(leaves[index + 1])], parseMember);
      if (member !== undefined) this.#onLateMembership('leave', channel, member, Number(leaves[index]));
    }
  }
}

/** A member as other pods receive it. */
function encoded({ member: { client, details } }: MemberEntry): string {
  return JSON.stringify({ client, details });
}
