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
import { SCRIPTS } from './scripts/index.js';

interface Held {
  readonly told: string;
  readonly holder: string;
  /** By the server's clock, once it has answered; until then by this pod's idea of it. */
  since: number;
}

/** Whether it was announced, how many are left, and what was told. */
type LeaveAnswer = [changed: number, count: number, told?: string];

const SWEEP = 200;

/** Who is in which room. */
export class Presence extends Holdings<Held> {
  readonly #onBelated: BrokerEvents['onBelated'];

  constructor(context: HoldingsContext, onBelated: BrokerEvents['onBelated']) {
    super('rooms', context);
    this.#onBelated = onBelated;
  }

  async join(channel: string, { client, details }: Member, holder: string): Promise<MembershipChange> {
    const held = { told: JSON.stringify({ client, details }), holder, since: this.context.now() };
    const former = this.held(channel, client);
    await this.hold(channel, client, held);
    try {
      return await this.#join(channel, client, held, false);
    } catch (error) {
      if (error instanceof BrokerUnavailableError && this.held(channel, client) === held) {
        if (former !== undefined) await this.hold(channel, client, former);
        else await this.forget(channel, client);
      }
      throw error;
    }
  }

  async leave(channel: string, client: string, holder: string): Promise<MembershipChange> {
    if (this.held(channel, client)?.holder === holder) await this.forget(channel, client);
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
    const answer = (await router.run({
      tag: channel,
      script: SCRIPTS.MEMBERS,
      keys: [names.members(channel), names.memberOrder(channel)],
      args: [sizeArgument(limit), sizeArgument(maxBytes)],
    })) as [number, ...string[]];
    const [count, ...told] = answer;
    return { members: told.map((text) => JSON.parse(text) as Member), count };
  }

  async sweep(channel: string, dead: string): Promise<void> {
    const { router, names } = this.context;
    for (;;) {
      const answer = (await router.run({
        tag: channel,
        script: SCRIPTS.SWEEP_ROOM,
        keys: this.keys(channel, dead),
        args: [dead, SWEEP, names.publishCommand, names.wire(channel)],
      })) as [number, ...(number | string)[]];
      const [swept, ...left] = answer;
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
    return (await router.command(channel, 'smembers', names.membersOfPod(channel) + pod)) as string[];
  }

  protected async remove(channel: string, client: string): Promise<void> {
    const { router, names, pod } = this.context;
    const answer = await router.run({
      tag: channel,
      script: SCRIPTS.EVICT,
      keys: this.keys(channel, pod),
      args: [client, pod, names.publishCommand, names.wire(channel)],
    });
    const [, count, told] = answer as LeaveAnswer;
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
    const [changed, count, heldSince] = answer as [number, number, string];
    held.since = Number(heldSince);
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
    const [changed, count, told] = answer as LeaveAnswer;
    return { changed: changed === 1, count, told };
  }

  /** @param told what was told of who left; undefined where nobody did. */
  #tellLeave(channel: string, told: string | undefined, count: number): void {
    if (told !== undefined) this.#onBelated('leave', channel, JSON.parse(told) as Member, count);
  }
}
