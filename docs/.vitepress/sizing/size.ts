import { FIGURES, type Broker, type Node, type PodMemory } from './figures.ts';

/** What is to be carried. */
export interface Load {
  readonly clients: number;
  /** Channels that a client has for itself, such as its inbox. */
  readonly channels: number;
  /** Published, per second, to all channels together. */
  readonly messages: number;
  /** The clients that receive each of them. */
  readonly subscribers: number;
  /** Of a message as it is sent to a client, with its frame and TCP/IP headers. */
  readonly bytes: number;
}

/** How it is run. */
export interface Plan {
  /** The memory limit of a pod in MiB. */
  readonly memory: PodMemory;
  /** The CPU limit of a pod in vCPUs. */
  readonly vcpus: number;
  readonly broker: Broker;
  /** What is left if a pod fails, or one of three zones. */
  readonly spare: 'pod' | 'zone';
}

export interface Size {
  readonly deliveries: number;
  /** Of all pods, in cores and in vCPUs of a cloud. */
  readonly cores: number;
  readonly vcpus: number;
  /** Pods that the connections need, that the CPU needs, and with those to spare. */
  readonly podsForMemory: number;
  readonly podsForCpu: number;
  readonly pods: number;
  /** Of all pods, in MiB. */
  readonly memory: number;
  /** The part of what the broker took from one pod in our measurement. More than 1 is more than was measured. */
  readonly brokerLoad: number;
  /** Messages a second that leave the broker, and MiB on each pod for the connections of the others. */
  readonly brokerDeliveries: number;
  readonly foreignMemory: number;
  /** Until all clients are back if all lose their connections at once, in seconds. */
  readonly returnSeconds: number;
  /** Bytes a month to clients, in TB. */
  readonly traffic: number;
  readonly nodes: { readonly type: Node; readonly count: number; readonly dollars: number } | undefined;
}

/** The pods, the broker's load and the nodes that a load needs. docs/scaling.md explains the arithmetic. */
export function sizeOf(load: Load, plan: Plan): Size {
  const foreignMemory = mebibytes(load.clients * FIGURES.foreignConnection[plan.broker]);
  const podsForMemory = podsForConnections(load, plan.memory, foreignMemory);
  let podsForCpu = 1;
  while (vcpusOf(load, podsForCpu) > podsForCpu * plan.vcpus * FIGURES.cpuShare && podsForCpu < MOST_PODS) podsForCpu++;
  const needed = Math.max(podsForMemory, podsForCpu);
  const pods = plan.spare === 'zone' ? Math.ceil(needed * 1.5) : needed + 1;
  const vcpus = vcpusOf(load, pods);
  return {
    deliveries: load.messages * load.subscribers,
    cores: vcpus / FIGURES.vcpusPerCore,
    vcpus,
    podsForMemory,
    podsForCpu,
    pods,
    memory: pods * plan.memory,
    brokerLoad: load.messages / FIGURES.publishes[plan.broker],
    brokerDeliveries: load.messages * podsReading(load, plan, pods),
    foreignMemory,
    returnSeconds: Math.max(0, load.clients - pods * FIGURES.connectionBurst) / (pods * FIGURES.connectionRate),
    traffic: (load.messages * load.subscribers * load.bytes * FIGURES.secondsPerMonth) / 1e12,
    nodes: cheapestNodes(pods, plan.memory, vcpus),
  };
}

/** Beyond this the arithmetic says nothing: what one pod costs for each message grows with their number. */
export const MOST_PODS = 10_000;

const mebibytes = (bytes: number): number => bytes / 1024 / 1024;

/** How many connections fit into a pod, if each has channels for itself. */
export function connectionsOfPod(memory: PodMemory, channels: number): number {
  return FIGURES.connectionsPerPod[memory] / (1 + channels * FIGURES.ownChannel);
}

/** Positions of other pods' connections leave room for fewer of its own: by the share of memory that they take. */
function podsForConnections({ clients, channels }: Load, memory: PodMemory, foreign: number): number {
  const perPod = connectionsOfPod(memory, channels) * Math.max(0, 1 - foreign / memory);
  return Math.max(1, Math.min(MOST_PODS, perPod === 0 ? MOST_PODS : Math.ceil(clients / perPod)));
}

/**
 * A message costs each pod that has a subscriber a fixed part, and each delivery one more. Both were measured with one pod, for one
 * subscriber and for 1,000; in between we assume a straight line.
 */
function vcpusOf({ clients, messages, subscribers }: Load, pods: number): number {
  const { directMessage, delivery } = FIGURES.cpu;
  const fixed = directMessage - delivery;
  const microseconds = messages * (Math.min(pods, subscribers) * fixed + subscribers * delivery);
  return FIGURES.vcpusPerCore * (microseconds / 1e6 + (clients / 10_000) * FIGURES.pings);
}

/** Pods that read each message: on a log all of them, otherwise those with a subscriber. */
function podsReading({ subscribers }: Load, { broker }: Plan, pods: number): number {
  return FIGURES.foreignConnection[broker] > 0 ? pods : Math.min(pods, subscribers);
}

/** One node in each of three zones at least, if there are that many pods. */
function cheapestNodes(pods: number, memory: number, vcpus: number): Size['nodes'] {
  const options = (Object.keys(FIGURES.nodes) as Node[]).flatMap((type) => {
    const node = FIGURES.nodes[type];
    const podsPerNode = Math.floor(node.memory / memory);
    if (podsPerNode === 0) return [];
    const count = Math.max(Math.ceil(pods / podsPerNode), Math.ceil(vcpus / node.vcpus), Math.min(3, pods));
    return { type, count, dollars: count * node.price.onDemand };
  });
  return options.toSorted((one, other) => one.dollars - other.dollars)[0];
}
