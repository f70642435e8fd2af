import { Redis, REDIS_DEADLINE } from './redis.ts';
import type { Settings } from './settings.ts';
import { Timeline, type Second } from './timeline.ts';
import { highest, quantile } from './scenarios.ts';
import { inVirtualTime, type World } from './world.ts';

/** How much a pod asks Redis at a time: positions of channels, and users that it restores. From `libs/broadcast`. */
const CHUNK = 200;
const CONCURRENCY = 32;
/** The pauses of a pod between two attempts to connect to Redis, in ms: they double, and half of each is random. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;
/** Everything is restored long before, in ms. */
const LIMIT = 1_200_000;

export interface FailoverOutcome {
  readonly name: string;
  readonly seconds: readonly Second[];
  /** s after Redis is back until half of the channels were compared, 90 %, and all of them, and all users were restored. */
  readonly half: number;
  readonly most: number;
  readonly last: number;
  readonly restored: number;
  readonly redisWait: number;
  readonly isTooLate: boolean;
}

/** Redis is back as a new primary, after `away` ms: pods compare all positions and restore all users. */
export function failover(name: string, settings: Settings, away: number, seed = 1): FailoverOutcome {
  return inVirtualTime(seed, (world) => {
    const timeline = new Timeline(world);
    const redis = new Redis(settings.redis, world, timeline);
    const compared: number[] = [];
    let restored = 0;
    for (let pod = 0; pod < settings.pods; pod += 1) {
      const { subscribe, restore } = settings.redis;
      const { clientsPerPod } = settings;
      world.after(untilConnected(away), () => {
        inChunks(
          world,
          clientsPerPod,
          () => redis.run(subscribe),
          () => compared.push(world.now),
        );
      });
      world.after(untilConnected(away), () => {
        sideBySide(
          world,
          clientsPerPod,
          () => redis.run(restore),
          () => (restored = world.now),
        );
      });
    }
    world.run(LIMIT);
    const redisWait = highest(timeline.seconds.map((second) => second.redisWait));
    return {
      name,
      seconds: timeline.seconds,
      half: quantile(compared, 0.5),
      most: quantile(compared, 0.9),
      last: quantile(compared, 1),
      restored: restored / 1_000,
      redisWait,
      isTooLate: redisWait > REDIS_DEADLINE,
    };
  });
}

/** When a pod that has tried since Redis went away tries the next time, in ms after Redis is back. */
function untilConnected(away: number): number {
  let [time, pause] = [-away, FIRST_PAUSE];
  while (time < 0) {
    time += pause * (0.5 + Math.random() / 2);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
  return time;
}

/** A chunk begins when the one before it is complete. */
function inChunks(world: World, count: number, run: () => number, done: () => void): void {
  const size = Math.min(count, CHUNK);
  let longest = 0;
  for (let index = 0; index < size; index += 1) {
    const wait = run();
    longest = Math.max(longest, wait);
    world.after(wait, done);
  }
  if (count > size) world.after(longest, () => inChunks(world, count - size, run, done));
}

/** Each begins when another is complete. */
function sideBySide(world: World, count: number, run: () => number, done: () => void): void {
  let left = count;
  const next = (): void => {
    if (left === 0) return;
    left -= 1;
    world.after(run(), () => {
      done();
      next();
    });
  };
  for (let running = 0; running < CONCURRENCY; running += 1) next();
}
