/** What a simulation assumes. Times in ms. */
export interface Settings {
  readonly pods: number;
  readonly clientsPerPod: number;
  /** How many clients a pod has memory for. */
  readonly capacity: number;
  /** `limits.connectionRate.perPod`. */
  readonly rate: { readonly burst: number; readonly perSecond: number };
  /** From a client to a pod and back. */
  readonly roundTrip: number;
  /** The time limit of a client for the welcome. */
  readonly timeout: number;
  /** The share of the clients that are visible pages, which detect a dead path sooner. */
  readonly visible: number;
  /** CPU time of a pod for a connect with a subscription, and for one that it refuses. */
  readonly acceptCost: number;
  readonly refuseCost: number;
  /** CPU time of the clients' machine for an attempt; 0 if each client has a machine of its own. */
  readonly clientCost: number;
  readonly redis: RedisSettings;
}

export interface RedisSettings {
  readonly shards: number;
  /** CPU time of the server for each operation, and its commands including those inside scripts. */
  readonly connect: OperationCost;
  readonly subscribe: OperationCost;
  readonly restore: OperationCost;
}

export interface OperationCost {
  readonly cpu: number;
  readonly commands: number;
}

/**
 * A million clients on pods of 1 GiB. Each is another user with a channel of its own, so nothing is shared. The costs of pods are from
 * docs/performance.md, for half of a core. Those of Redis are for a core that 15,000 publishes a second keep busy, in the ratio
 * that they have to a publish if all are sent together.
 */
export const MILLION: Settings = {
  pods: 50,
  clientsPerPod: 20_000,
  capacity: 34_800,
  rate: { burst: 2_000, perSecond: 500 },
  roundTrip: 50,
  timeout: 10_000,
  visible: 0.5,
  acceptCost: 0.236,
  refuseCost: 0.16,
  clientCost: 0,
  redis: {
    shards: 1,
    connect: { cpu: 0.036, commands: 5 },
    subscribe: { cpu: 0.058, commands: 11 },
    restore: { cpu: 0.028, commands: 5 },
  },
};
