import type { OperationCost, RedisSettings } from './settings.ts';
import type { Timeline } from './timeline.ts';
import type { World } from './world.ts';

/** ms after which a pod gives up a step, and after which its probe closes the connection. */
export const REDIS_DEADLINE = 2_000;

/** Shards that run one command after the other, in the order of their arrival. */
export class Redis {
  readonly #busyUntil: number[];
  readonly #world: World;
  readonly #timeline: Timeline;

  constructor({ shards }: Pick<RedisSettings, 'shards'>, world: World, timeline: Timeline) {
    this.#world = world;
    this.#timeline = timeline;
    this.#busyUntil = Array.from({ length: shards }, () => 0);
  }

  /**
   * Runs an operation on any shard.
   *
   * @returns after how many ms the reply is there.
   */
  run({ cpu, commands }: OperationCost): number {
    const { now } = this.#world;
    const shard = Math.floor(Math.random() * this.#busyUntil.length);
    const done = Math.max(now, this.#busyUntil[shard] ?? 0) + cpu;
    this.#busyUntil[shard] = done;
    this.#timeline.redis(commands, cpu, done - now);
    return done - now;
  }
}
