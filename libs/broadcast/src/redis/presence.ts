import { BrokerUnavailableError, type Member, type Members } from '../broker.js';
import { Holdings, type HoldingsContext } from './holdings.js';
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
  constructor(context: HoldingsContext) {
    super('rooms', context);
  }

  async join(channel: string, { client, details }: Member, holder: string): Promise<void> {
    const held = { told: JSON.stringify({ client, details }), holder, since: this.context.now() };
    const former = this.held(channel, client);
    await this.hold(channel, client, held);
    try {
      await this.put(channel, client, held, false);
    } catch (error) {
      if (error instanceof BrokerUnavailableError && this.held(channel, client) === held) {
        if (former !== undefined) await this.hold(channel, client, former);
        else await this.forget(channel, client);
      }
      throw error;
    }
  }

  async leave(channel: string, client: string, holder: string): Promise<void> {
    if (this.held(channel, client)?.holder === holder) await this.forget(channel, client);
    try {
      await this.#leave(channel, client, holder);
    } catch (error) {
      // This pod's lease goes on: without this the member would stay.
      this.later(async () => this.#leave(channel, client, holder));
      throw error;
    }
  }

  async members(channel: string, limit: number): Promise<Members> {
    const { router, names } = this.context;
    const answer = (await router.run({
      tag: channel,
      script: SCRIPTS.MEMBERS,
      keys: [names.members(channel), names.memberOrder(channel)],
      args: [limit],
    })) as [number, ...string[]];
    const [count, ...told] = answer;
    return { members: told.map((text) => JSON.parse(text) as Member), count };
  }

  async sweep(channel: string, dead: string): Promise<void> {
    const { router, names } = this.context;
    for (;;) {
      const swept = await router.run({
        tag: channel,
        script: SCRIPTS.SWEEP_ROOM,
        keys: this.keys(channel, dead),
        args: [dead, SWEEP, names.publishCommand, names.wire(channel)],
      });
      if (Number(swept) < SWEEP) return;
    }
  }

  protected async put(channel: string, client: string, held: Held, again: boolean): Promise<void> {
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
    held.since = Number(answer);
  }

  protected async stored(channel: string): Promise<string[]> {
    const { router, names, pod } = this.context;
    return (await router.command(channel, 'smembers', names.membersOfPod(channel) + pod)) as string[];
  }

  protected async remove(channel: string, client: string): Promise<void> {
    const { router, names, pod } = this.context;
    await router.run({
      tag: channel,
      script: SCRIPTS.EVICT,
      keys: this.keys(channel, pod),
      args: [client, pod, names.publishCommand, names.wire(channel)],
    });
  }

  protected tag(channel: string): string {
    return channel;
  }

  protected keys(channel: string, pod: string): string[] {
    const { names } = this.context;
    return [names.members(channel), names.memberOrder(channel), names.membersOfPod(channel) + pod];
  }

  async #leave(channel: string, client: string, holder: string): Promise<void> {
    const { router, names } = this.context;
    await router.run({
      tag: channel,
      script: SCRIPTS.LEAVE,
      keys: [names.members(channel), names.memberOrder(channel)],
      args: [client, holder, names.membersOfPod(channel), names.publishCommand, names.wire(channel)],
    });
  }
}
