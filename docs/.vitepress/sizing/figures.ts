/**
 * The figures that sizes follow from. They are measured ones and price lists, which docs/performance.md, docs/brokers.md, docs/scaling.md
 * and docs/cost.md state: .ci/sizing.spec.ts compares them with those pages.
 */
export const FIGURES = {
  /** Idle connections that a pod accepts, by its memory limit in MiB. */
  connectionsPerPod: { 256: 6500, 512: 15_900, 1024: 34_800 },

  /** What a channel that no other client uses takes, as a part of that. */
  ownChannel: 0.15,

  /** CPU in µs of a core. */
  cpu: {
    /** A message to a channel with one subscriber. */
    directMessage: 23.9,
    /** A delivery of a message to 1,000 subscribers. */
    delivery: 6.4,
  },
  /** The part of a core that the pings of 10,000 connections take at most. */
  pings: 0.086,
  /** A vCPU of a cloud is usually half a core. */
  vcpusPerCore: 2,
  /** The part of a pod's CPU limit that is planned with. */
  cpuShare: 0.6,

  /** New connections that a pod accepts at once, and each second (`limits.connectionRate.perPod`). */
  connectionBurst: 2000,
  connectionRate: 500,

  /** Publishes a second that one pod gets answered. */
  publishes: { redis: 31_000, kafka: 49_400, rabbitmq: 44_800, nats: 57_700, postgresql: 28_700 },
  /** Heap in bytes that every pod keeps for each connection of all other pods. */
  foreignConnection: { redis: 0, kafka: 760, rabbitmq: 660, nats: 650, postgresql: 0 },

  /**
   * Nodes of Google Cloud: dollars a month, and what they have for your pods. That is half of what GKE leaves, because its own pods take the
   * rest; of an e2-small, half of the vCPU that it may use in the long run.
   */
  nodes: {
    'e2-small': { memory: 700, vcpus: 0.25, price: { onDemand: 12.23, spot: 7.34, oneYear: 7.7, threeYears: 5.5 } },
    'e2-standard-2': {
      memory: 5400,
      vcpus: 1.4,
      price: { onDemand: 48.92, spot: 29.35, oneYear: 30.82, threeYears: 22.01 },
    },
  },
  secondsPerMonth: 2_628_000,
} as const;

export type Broker = keyof typeof FIGURES.publishes;
export type Node = keyof typeof FIGURES.nodes;
export type PodMemory = keyof typeof FIGURES.connectionsPerPod;
