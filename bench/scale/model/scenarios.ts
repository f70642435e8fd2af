import { Fleet } from './fleet.ts';
import { REDIS_DEADLINE } from './redis.ts';
import type { Settings } from './settings.ts';
import type { Second } from './timeline.ts';
import { inVirtualTime } from './world.ts';

export interface Outcome {
  readonly name: string;
  readonly seconds: readonly Second[];
  /** Clients that lost their connection without a new one. */
  readonly lost: number;
  /** s after the fault until half of the moved clients, 90 %, and all of them were welcomed, and all had subscribed. */
  readonly half: number;
  readonly most: number;
  readonly last: number;
  readonly subscribed: number;
  /** Clients without a connection at the end. */
  readonly away: number;
  /** Clients that are connected then, but could not subscribe. */
  readonly unsubscribed: number;
  readonly movesPerClient: number;
  /** The longest waits, in ms. */
  readonly redisWait: number;
  readonly podWait: number;
  /** The second in which pods would count Redis as down, since it answers their probes too late. */
  readonly redisDownAt: number | undefined;
}

/** Something that happens to pods. */
export interface Fault {
  readonly happens: (fleet: Fleet) => void;
  /** ms after which the simulation ends, if not everything is over before. */
  readonly limit: number;
}

const LIMIT = 300_000;

/** What Kubernetes does, in ms. */
export interface Kubernetes {
  /** Until the Service sends nothing to pods of a lost node any more: `node-monitor-grace-period`. */
  readonly noticesNode: number;
  /** The same for the container of a process that was killed. */
  readonly noticesContainer: number;
  /** From the creation of a pod until it is ready. */
  readonly starts: number;
  readonly preStop: number;
  readonly settle: number;
  readonly window: number;
}

export const KUBERNETES: Kubernetes = {
  noticesNode: 50_000,
  noticesContainer: 2_000,
  starts: 10_000,
  preStop: 5_000,
  settle: 15_000,
  window: 30_000,
};

/** Pods whose nodes are gone: nobody says so. */
export function podsLost(count: number, { noticesNode }: Kubernetes): Fault {
  return {
    limit: LIMIT,
    happens(fleet) {
      const lost = fleet.pods.slice(0, count);
      for (const pod of lost) pod.die(true);
      fleet.world.after(noticesNode, () => fleet.withdraw(lost));
    },
  };
}

/** Processes that are killed: the kernel closes their connections. */
export function podsKilled(count: number, { noticesContainer }: Kubernetes): Fault {
  return {
    limit: LIMIT,
    happens(fleet) {
      const lost = fleet.pods.slice(0, count);
      for (const pod of lost) pod.die(false);
      if (noticesContainer === 0) fleet.withdraw(lost);
      else fleet.world.after(noticesContainer, () => fleet.withdraw(lost));
    },
  };
}

/** One pod stops, without a new one. */
export function podDrained({ settle, window }: Kubernetes): Fault {
  return {
    limit: LIMIT,
    happens(fleet) {
      const [pod] = fleet.pods;
      if (pod === undefined) return;
      pod.drain(settle, window);
      // It is not ready as soon as it settles.
      fleet.withdraw([pod]);
    },
  };
}

/**
 * As the chart does it, with `maxUnavailable: 0`: Kubernetes does not wait for pods that are stopping.
 *
 * @param surge how many pods start at a time, `maxSurge`.
 */
export function rollout({ starts, preStop, settle, window }: Kubernetes, surge = 1): Fault {
  return {
    limit: 3 * LIMIT,
    happens(fleet) {
      const old = [...fleet.pods];
      const next = (): void => {
        const pod = old.shift();
        if (pod === undefined) return;
        fleet.world.after(starts, () => {
          fleet.add();
          fleet.withdraw([pod]);
          fleet.world.after(preStop, () => pod.drain(settle, window));
          next();
        });
      };
      for (let chain = 0; chain < surge; chain += 1) next();
    },
  };
}

export function simulate(name: string, settings: Settings, fault: Fault, seed = 1): Outcome {
  return inVirtualTime(seed, (world) => {
    const fleet = new Fleet(settings, world);
    fault.happens(fleet);
    world.run(fault.limit);
    const { timeline, clients, welcomes, subscriptions, lostClients } = fleet;
    const { seconds } = timeline;
    const down = seconds.findIndex(({ redisWait }) => redisWait > REDIS_DEADLINE);
    return {
      name,
      seconds,
      lost: lostClients,
      half: quantile(welcomes, 0.5),
      most: quantile(welcomes, 0.9),
      last: quantile(welcomes, 1),
      subscribed: quantile(subscriptions, 1),
      away: timeline.away,
      unsubscribed: fleet.unsubscribed,
      movesPerClient: clients.reduce((sum, { moves }) => sum + moves, 0) / clients.length,
      redisWait: highest(seconds.map(({ redisWait }) => redisWait)),
      podWait: highest(seconds.map(({ podWait }) => podWait)),
      redisDownAt: down === -1 ? undefined : down,
    };
  });
}

export function highest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), 0);
}

/** The time until which a share of these times has passed, in s. */
export function quantile(times: readonly number[], share: number): number {
  return (times[Math.max(0, Math.ceil(times.length * share) - 1)] ?? 0) / 1_000;
}
