import {
  BrokerUnavailableError,
  type BrokerEvents,
  type Member,
  type Members,
  type MembersQuery,
  type MembershipChange,
} from '../broker.js';
import { sizeArgument } from './arguments.js';
import { Holdings, type HoldingsContext } from './holdings.js';
import { ANSWERS, type RedisInput } from './input.js';
import { SCRIPTS } from './scripts/index.js';

interface Held {
  readonly told: string;
  readonly holder: string;
  /** By the server's clock, once it has answered; until then by this pod's idea of it. */
  since: number;
}

const SWEEP = 200;

/** Who is in which room. */
export class Presence extends Holdings<Held> {
  readonly #input: RedisInput;
  readonly #onBelated: BrokerEvents['onBelated'];

  constructor(context: HoldingsContext, input: RedisInput, onBelated: BrokerEvents['onBelated']) {
    super('rooms', context);
    this.#input = input;
    this.#onBelated = onBelated;
  }

  async join(channel: string, { client, details }: Member, holder: string): Promise<MembershipChange> {
    const held = { told: JSON.stringify({ client, details }), holder, since: this.context.now() };
    const former = this.held(channel, client);
    // Noted in the index first, in the same piece: the answer does not wait for it.
    void this.hold(channel, client, held);
    try {
      return await this.#join(channel, client, held, false);
    } catch (error) {
      if (error instanceof BrokerUnavailableError && this.held(channel, client) === held) {
        if (former !== undefined) void this.hold(channel, client, former);
        else void this.forget(channel, client);
      }
      throw error;
    }
  }

  async leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    if (this.held(channel, client)?.holder === holder) void this.forget(channel, client);
    try {
      const { changed, count } = await this.#leave(channel, client, holder);
      return { changed, count };
    } catch (error) {
      // This pod's lease goes on: without this the member would stay.
      this.later(async () => {
        const { told, count } = await this.#leave(channel, client, holder);
        this.#tellLeave(channel, told, count);
      });
      throw error;
    }
  }

  async members(channel: string, { limit, maxBytes = Infinity }: MembersQuery): Promise<Members> {
    const { router, names } = this.context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.MEMBERS,
      keys: [names.members(channel), names.memberOrder(channel)],
      args: [sizeArgument(limit), sizeArgument(maxBytes)],
    });
    const [count, ...told] = this.#input.answer(ANSWERS.members, answer, channel);
    return { members: told.flatMap((text) => this.#input.member(text, channel) ?? []), count };
  }

  async sweep(channel: string, dead: string): Promise<void> {
    const { router, names } = this.context;
    for (;;) {
      const answer = await router.run({
        tag: channel,
        script: SCRIPTS.SWEEP_ROOM,
        keys: this.keys(channel, dead),
        args: [dead, SWEEP, names.publishCommand, names.wire(channel)],
      });
      const [swept, ...left] = this.#input.answer(ANSWERS.sweep, answer, channel);
      for (let index = 0; index + 1 < left.length; index += 2) {
        this.#tellLeave(channel, String(left[index + 1]), Number(left[index]));
      }
      if (swept < SWEEP) return;
    }
  }

  protected async put(channel: string, client: string, held: Held, again: boolean): Promise<void> {
    const { changed, count } = await this.#join(channel, client, held, again);
    if (changed) this.#onBelated('join', channel, JSON.parse(held.told) as Member, count);
  }

  protected async stored(channel: string): Promise<string[]> {
    const { router, names, pod } = this.context;
    const answer = await router.command(channel, 'smembers', names.membersOfPod(channel) + pod);
    return this.#input.answer(ANSWERS.names, answer, channel);
  }

  protected async remove(channel: string, client: string): Promise<void> {
    const { router, names, pod } = this.context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.EVICT,
      keys: this.keys(channel, pod),
      args: [client, pod, names.publishCommand, names.wire(channel)],
    });
    const [, count, told] = this.#input.answer(ANSWERS.leave, answer, channel);
    this.#tellLeave(channel, told, count);
  }

  protected tag(channel: string): string {
    return channel;
  }

  protected keys(channel: string, pod: string): string[] {
    const { names } = this.context;
    return [names.members(channel), names.memberOrder(channel), names.membersOfPod(channel) + pod];
  }

  async #join(channel: string, client: string, held: Held, again: boolean): Promise<MembershipChange> {
    const { router, names, pod, ttl } = this.context;
    const { told, holder, since } = held;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.JOIN,
      keys: this.keys(channel, pod),
      args: [
        client,
        holder,
        pod,
        told,
        since,
        names.membersOfPod(channel),
        ttl,
        names.publishCommand,
        names.wire(channel),
        again ? 1 : 0,
      ],
    });
    const [changed, count, heldSince] = this.#input.answer(ANSWERS.join, answer, channel);
    held.since = heldSince;
    return { changed: changed === 1, count };
  }

  async #leave(
    channel: string,
    client: string,
    holder: string,
  ): Promise<MembershipChange & { readonly told: string | undefined }> {
    const { router, names } = this.context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.LEAVE,
      keys: [names.members(channel), names.memberOrder(channel)],
      args: [client, holder, names.membersOfPod(channel), names.publishCommand, names.wire(channel)],
    });
    const [changed, count, told] = this.#input.answer(ANSWERS.leave, answer, channel);
    return { changed: changed === 1, count, told };
  }

  /** @param told what was told of who left; undefined where nobody did. */
  #tellLeave(channel: string, told: string | undefined, count: number): void {
    const member = told === undefined ? undefined : this.#input.member(told, channel);
    if (member !== undefined) this.#onBelated('leave', channel, member, count);
  }
}
