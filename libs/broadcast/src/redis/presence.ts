import { BrokerUnavailableError, type Member, type Members } from '../broker.js';
import type { Names } from './names.js';
import type { PodIndex } from './pod-index.js';
import { Rotation } from './rotation.js';
import type { Router } from './router.js';
import { SCRIPTS } from './scripts/index.js';

interface Held {
  readonly told: string;
  readonly holder: string;
  readonly since: number;
}

/** How many are brought back at a time. */
const CHUNK = 500;
const SWEEP = 200;

/** Who is in which room. Members live as long as the lease of their pod. */
export class Presence {
  readonly #router: Router;
  readonly #names: Names;
  readonly #index: PodIndex;
  readonly #pod: string;
  readonly #ttl: number;
  readonly #now: () => number;
  /** What this pod holds, by room and client. */
  readonly #rooms = new Map<string, Map<string, Held>>();
  readonly #rotation = new Rotation(this.#rooms);
  /** Who has left while the server was away: room, client and holder. */
  #missed: (readonly [string, string, string])[] = [];

  /** @param ttl ms for which what nobody sweeps up is kept; {@link prolong} must have been round by then. */
  constructor(router: Router, names: Names, index: PodIndex, pod: string, ttl: number, now: () => number) {
    this.#router = router;
    this.#names = names;
    this.#index = index;
    this.#pod = pod;
    this.#ttl = ttl;
    this.#now = now;
  }

  async join(channel: string, { client, details }: Member, holder: string): Promise<void> {
    const held = { told: JSON.stringify({ client, details }), holder, since: this.#now() };
    const room = this.#rooms.get(channel) ?? new Map<string, Held>();
    const former = room.get(client);
    room.set(client, held);
    this.#rooms.set(channel, room);
    // First of all, so that whoever sweeps up after this pod finds the room.
    await this.#index.add('rooms', channel);
    try {
      await this.#join(channel, client, held, false);
    } catch (error) {
      if (error instanceof BrokerUnavailableError && room.get(client) === held) {
        if (former !== undefined) room.set(client, former);
        else await this.#forget(channel, client);
      }
      throw error;
    }
  }

  async leave(channel: string, client: string, holder: string): Promise<void> {
    if (this.#rooms.get(channel)?.get(client)?.holder === holder) await this.#forget(channel, client);
    try {
      await this.#leave(channel, client, holder);
    } catch (error) {
      // This pod's lease goes on: without this the member would stay.
      this.#missed.push([channel, client, holder]);
      throw error;
    }
  }

  async members(channel: string, limit: number): Promise<Members> {
    const names = this.#names;
    const answer = (await this.#router.run({
      tag: channel,
      script: SCRIPTS.MEMBERS,
      keys: [names.members(channel), names.memberOrder(channel)],
      args: [limit],
    })) as [number, ...string[]];
    const [count, ...told] = answer;
    return { members: told.map((text) => JSON.parse(text) as Member), count };
  }

  /** The server may have lost members, or others swept them up: brings all back that nobody else has by now. */
  async restore(): Promise<void> {
    const all = Array.from(this.#rooms, ([channel, room]) =>
      Array.from(room, ([client, held]) => [channel, client, held] as const),
    ).flat();
    for (let start = 0; start < all.length; start += CHUNK) {
      const chunk = all.slice(start, start + CHUNK);
      await Promise.all(
        chunk.map(async ([channel, client, held]) => {
          if (this.#rooms.get(channel)?.get(client) === held) await this.#join(channel, client, held, true);
        }),
      );
    }
  }

  /** Tells the server who has left meanwhile. */
  async catchUp(): Promise<void> {
    const missed = this.#missed;
    this.#missed = [];
    for (const [index, entry] of missed.entries()) {
      try {
        await this.#leave(...entry);
      } catch (error) {
        this.#missed.push(...missed.slice(index));
        throw error;
      }
    }
  }

  /** Keeps some of the rooms from expiring; all of them after `steps` calls. */
  async prolong(steps: number): Promise<void> {
    const rooms = this.#rotation.next(steps);
    await Promise.all(
      rooms.flatMap(([channel]) =>
        this.#keys(channel, this.#pod).map(async (key) => this.#router.command(channel, 'pexpire', key, this.#ttl)),
      ),
    );
  }

  /** Takes out whoever a dead pod held in a room. */
  async sweep(channel: string, dead: string): Promise<void> {
    const { publishCommand } = this.#names;
    for (;;) {
      const swept = await this.#router.run({
        tag: channel,
        script: SCRIPTS.SWEEP_ROOM,
        keys: this.#keys(channel, dead),
        args: [dead, SWEEP, publishCommand, this.#names.wire(channel)],
      });
      if (Number(swept) < SWEEP) return;
    }
  }

  async #join(channel: string, client: string, { told, holder, since }: Held, again: boolean): Promise<void> {
    const names = this.#names;
    await this.#router.run({
      tag: channel,
      script: SCRIPTS.JOIN,
      keys: this.#keys(channel, this.#pod),
      args: [
        client,
        holder,
        this.#pod,
        told,
        since,
        names.membersOfPod(channel),
        this.#ttl,
        names.publishCommand,
        names.wire(channel),
        again ? 1 : 0,
      ],
    });
  }

  async #leave(channel: string, client: string, holder: string): Promise<void> {
    const names = this.#names;
    await this.#router.run({
      tag: channel,
      script: SCRIPTS.LEAVE,
      keys: [names.members(channel), names.memberOrder(channel)],
      args: [client, holder, names.membersOfPod(channel), names.publishCommand, names.wire(channel)],
    });
  }

  async #forget(channel: string, client: string): Promise<void> {
    const room = this.#rooms.get(channel);
    if (room === undefined) return;
    room.delete(client);
    if (room.size > 0) return;
    this.#rooms.delete(channel);
    await this.#index.remove('rooms', channel);
  }

  #keys(channel: string, pod: string): string[] {
    const names = this.#names;
    return [names.members(channel), names.memberOrder(channel), names.membersOfPod(channel) + pod];
  }
}
