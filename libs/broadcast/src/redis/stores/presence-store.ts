import type { BrokerEvents, ChannelMember, MemberList, MembersQuery, MembershipChange } from '../../broker.js';
import { BrokerUnavailableError } from '../../errors.js';
import { sizeArgument } from '../client/arguments.js';
import {
  LeasedEntries,
  type LeasedEntry,
  type LeasedEntryStore,
  type PutBack,
} from '../../membership/leased-entries.js';
import { ANSWERS, type RedisInput } from '../input.js';
import type { Keyspace } from '../keyspace.js';
import type { PodIndex } from '../../membership/pod-index.js';
import type { Router } from '../topology/router.js';
import { SCRIPTS } from '../scripts/index.js';

export interface MembershipContext {
  readonly router: Router;
  readonly names: Keyspace;
  readonly index: PodIndex;
  /** This pod's id. */
  readonly pod: string;
  /** ms for which what nobody sweeps up is kept; {@link LeasedEntries.prolong} must have been round by then. */
  readonly ttl: number;
  readonly now: () => number;
}

interface HeldMember extends LeasedEntry {
  readonly told: string;
  /** By the server's clock, once it has answered; until then by this pod's idea of it. */
  since: number;
}

/** Members swept out by one command at most. */
const SWEEP = 200;

/** Who is in which room. */
export class Presence implements LeasedEntryStore<HeldMember> {
  readonly holdings: LeasedEntries<HeldMember>;
  readonly #context: MembershipContext;
  readonly #input: RedisInput;
  readonly #onBelated: BrokerEvents['onLateMembership'];

  constructor(context: MembershipContext, input: RedisInput, onBelated: BrokerEvents['onLateMembership']) {
    this.#context = context;
    this.#input = input;
    this.#onBelated = onBelated;
    this.holdings = new LeasedEntries('rooms', this, context.index);
  }

  async join(channel: string, { client, details }: ChannelMember, holder: string): Promise<MembershipChange> {
    const { holdings } = this;
    const held = { told: JSON.stringify({ client, details }), holder, since: this.#context.now() };
    holdings.hold(channel, client, held);
    try {
      return await holdings.write(channel, client, held, async () => this.#join(channel, client, held));
    } catch (error) {
      if (error instanceof BrokerUnavailableError) holdings.restoreFormer(channel, client, held);
      throw error;
    }
  }

  async leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    return this.holdings.remove(channel, client, holder, async () => this.#leave(channel, client, holder));
  }

  async members(channel: string, { limit, maxBytes = Infinity }: MembersQuery): Promise<MemberList> {
    const { router, names } = this.#context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.MEMBERS,
      keys: [names.members(channel), names.memberOrder(channel)],
      args: [sizeArgument(limit), sizeArgument(maxBytes)],
    });
    const [count, ...told] = this.#input.answer(ANSWERS.members, answer, channel);
    return { members: told.flatMap((text) => this.#input.member(text, channel) ?? []), count };
  }

  async putBack(channel: string, entries: readonly (readonly [string, HeldMember])[]): Promise<PutBack> {
    const { router, names, pod, ttl } = this.#context;
    const members = entries.flatMap(([client, { holder, told, since }]) => [client, holder, told, since]);
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.REJOIN,
      keys: this.#keys(channel, pod),
      args: [pod, names.membersOfPod(channel), ttl, names.publishCommand, names.pubSubChannel(channel), ...members],
    });
    const [own, total, ...announced] = this.#input.answer(ANSWERS.putBack, answer, channel);
    for (let index = 0; index + 1 < announced.length; index += 2) {
      const [, member] = entries[announced[index] ?? 0] ?? [];
      this.#report('join', channel, member?.told, announced[index + 1]);
    }
    return { own, total };
  }

  async remove(channel: string, clients: readonly string[]): Promise<void> {
    const { router, names, pod } = this.#context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.EVICT,
      keys: this.#keys(channel, pod),
      args: [pod, names.publishCommand, names.pubSubChannel(channel), ...clients],
    });
    this.#reportLeaves(channel, this.#input.answer(ANSWERS.leaves, answer, channel));
  }

  async stored(channel: string): Promise<string[]> {
    const { router, names, pod } = this.#context;
    const answer = await router.command(channel, 'smembers', names.membersOfPod(channel) + pod);
    return this.#input.answer(ANSWERS.names, answer, channel);
  }

  async prolong(channel: string): Promise<boolean> {
    const { router, pod, ttl } = this.#context;
    const keys = this.#keys(channel, pod);
    const answers = await Promise.all(keys.map(async (key) => router.command(channel, 'pexpire', key, ttl)));
    return answers.every((answer) => answer === 1);
  }

  async sweep(channel: string, dead: string): Promise<boolean> {
    const { router, names } = this.#context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.SWEEP_ROOM,
      keys: this.#keys(channel, dead),
      args: [dead, SWEEP, names.publishCommand, names.pubSubChannel(channel)],
    });
    const [swept, ...left] = this.#input.answer(ANSWERS.sweep, answer, channel);
    this.#reportLeaves(channel, left);
    return swept === SWEEP;
  }

  #keys(channel: string, pod: string): string[] {
    const { names } = this.#context;
    return [names.members(channel), names.memberOrder(channel), names.membersOfPod(channel) + pod];
  }

  async #join(channel: string, client: string, held: HeldMember): Promise<MembershipChange> {
    const { router, names, pod, ttl } = this.#context;
    const { told, holder } = held;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.JOIN,
      keys: this.#keys(channel, pod),
      args: [
        client,
        holder,
        pod,
        told,
        names.membersOfPod(channel),
        ttl,
        names.publishCommand,
        names.pubSubChannel(channel),
      ],
    });
    const [changed, count, since] = this.#input.answer(ANSWERS.join, answer, channel);
    held.since = since;
    return { changed: changed === 1, count };
  }

  async #leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    const { router, names } = this.#context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.LEAVE,
      keys: [names.members(channel), names.memberOrder(channel)],
      args: [client, holder, names.membersOfPod(channel), names.publishCommand, names.pubSubChannel(channel)],
    });
    const [changed, count] = this.#input.answer(ANSWERS.leave, answer, channel);
    return { changed: changed === 1, count };
  }

  #reportLeaves(channel: string, left: readonly (number | string)[]): void {
    for (let index = 0; index + 1 < left.length; index += 2) {
      this.#report('leave', channel, String(left[index + 1]), Number(left[index]));
    }
  }

  /** @param told what other pods were told of the member. */
  #report(event: 'join' | 'leave', channel: string, told = '', count = 0): void {
    const member = this.#input.member(told, channel);
    if (member !== undefined) this.#onBelated(event, channel, member, count);
  }
}
