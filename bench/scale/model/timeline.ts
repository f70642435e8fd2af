import type { World } from './world.ts';

/** One second of a simulation. */
export interface Second {
  /** Connects that all pods accepted, and the most that one did. */
  accepted: number;
  busiest: number;
  refused: number;
  /** Attempts that ended without an answer. */
  unanswered: number;
  redisCommands: number;
  /** The load of Redis, in ms of CPU time. */
  redisCpu: number;
  /** The longest time that something waited for Redis, and for the CPU of a pod, in ms. */
  redisWait: number;
  podWait: number;
  /** Clients without a connection, at its end. */
  away: number;
}

/** The course of a simulation, second by second. */
export class Timeline {
  readonly seconds: Second[] = [];
  #current = quiet(0);
  /** Clients without a connection now. */
  away = 0;
  readonly #perPod = new Map<unknown, { second: number; count: number }>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  accepted(pod: unknown): void {
    const second = this.#second;
    second.accepted += 1;
    const index = this.seconds.length - 1;
    let own = this.#perPod.get(pod);
    if (own === undefined) this.#perPod.set(pod, (own = { second: index, count: 0 }));
    if (own.second !== index) {
      own.second = index;
      own.count = 0;
    }
    own.count += 1;
    second.busiest = Math.max(second.busiest, own.count);
  }

  refused(): void {
    this.#second.refused += 1;
  }

  unanswered(): void {
    this.#second.unanswered += 1;
  }

  redis(commands: number, cpu: number, wait: number): void {
    const second = this.#second;
    second.redisCommands += commands;
    second.redisCpu += cpu;
    second.redisWait = Math.max(second.redisWait, wait);
  }

  podWaits(ms: number): void {
    const second = this.#second;
    second.podWait = Math.max(second.podWait, ms);
  }

  changeAway(by: number): void {
    this.away += by;
    this.#second.away = this.away;
  }

  get #second(): Second {
    const index = Math.floor(this.#world.now / 1_000);
    while (this.seconds.length <= index) {
      this.#current = quiet(this.away);
      this.seconds.push(this.#current);
    }
    return this.#current;
  }
}

function quiet(away: number): Second {
  return {
    accepted: 0,
    busiest: 0,
    refused: 0,
    unanswered: 0,
    redisCommands: 0,
    redisCpu: 0,
    redisWait: 0,
    podWait: 0,
    away,
  };
}
