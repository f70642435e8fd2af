import type { BrokerName, ClusteredServer, SingleServer } from './servers.ts';
import { allPodsGone, failure } from './measures/failures.ts';
import type { Figures, Scale } from './measures/measure.ts';
import { channels, connections } from './measures/memory.ts';
import { folding, latency, saturation } from './measures/delivery.ts';

/** A figure, and how it is printed. */
export interface Column {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  /** What the figure may be at most, or at least if more is better; not for `memory:`. */
  readonly bound?: number;
  readonly moreIsBetter?: boolean;
  /** The figure is 1 or 0. */
  readonly isYes?: boolean;
}

export interface BrokerCase {
  readonly name: string;
  readonly title: string;
  readonly columns: readonly Column[];
  /** Brokers that cannot have it. */
  readonly except?: readonly BrokerName[];
  /** @param name of a log or of keys that nothing else uses. */
  readonly single?: (
    server: Pick<SingleServer, 'url'> & Partial<SingleServer>,
    name: string,
    scale: Scale,
    pods: 1 | 2,
  ) => Promise<Figures>;
  readonly clustered?: (server: ClusteredServer, name: string) => Promise<Figures>;
}

const FAILURE: readonly Column[] = [
  { key: 'pause', title: 'without messages', unit: 'ms' },
  { key: 'away', title: 'of that, the server was away', unit: 'ms' },
  { key: 'gap', title: 'gap', unit: '', isYes: true },
  { key: 'refused', title: 'refused publishes', unit: '' },
];

/** The server is killed and started again. @returns ms for which nothing answered. */
async function restart(server: SingleServer, isEmpty: boolean): Promise<number> {
  const began = performance.now();
  await server.kill();
  if (isEmpty) await server.removeData();
  await server.run();
  return performance.now() - began;
}

export const BROKER_CASES: readonly BrokerCase[] = [
  {
    name: 'latency',
    title: '1,000 messages per second from one pod to another',
    columns: [
      { key: 'p50', title: 'p50', unit: 'ms', bound: 2 },
      { key: 'p99', title: 'p99', unit: 'ms', bound: 15 },
      { key: 'cpu', title: 'CPU of both pods per message', unit: 'µs' },
      { key: 'server', title: 'of everything else on the server’s core', unit: 'µs' },
    ],
    single: async (server, name, scale, pods) => latency(server.url(name), pods, scale),
  },
  {
    name: 'saturation',
    title: 'one pod, alone on its core, with as many publishes as it answers',
    columns: [
      { key: 'saturated', title: 'publishes', unit: '/s', bound: 20_000, moreIsBetter: true },
      { key: 'saturatedPerCore', title: 'publishes per second of its CPU time', unit: '', moreIsBetter: true },
      { key: 'share', title: 'of its core used', unit: '%' },
    ],
    single: async (server, name, scale) => saturation(server.url(name), scale),
  },
  {
    name: 'folding',
    title: '5,000 messages per second, without subscribers',
    columns: [
      { key: 'cpuPerPublish', title: 'CPU per publish on its pod', unit: 'µs' },
      { key: 'cpuPerFold', title: 'on every other pod', unit: 'µs' },
      {
        key: 'cpuPerBusyFold',
        title: 'on every other pod if there are as many as one pod can publish',
        unit: 'µs',
        bound: 10,
      },
    ],
    except: ['memory'],
    single: async (server, name, scale) => folding(server.url(name), scale),
  },
  {
    name: 'connections',
    title: 'heap of a connection with one subscription',
    columns: [
      { key: 'connection', title: 'on its pod', unit: 'bytes' },
      { key: 'connectionElsewhere', title: 'on every other pod', unit: 'bytes' },
    ],
    single: async (server, name, scale, pods) => connections(server.url(name), pods, scale),
  },
  {
    name: 'channels',
    title: '200,000 channels, then 1,000 messages per second',
    columns: [
      { key: 'channel', title: 'heap per channel and pod', unit: 'bytes', bound: 250 },
      { key: 'snapshotStep', title: 'longest step with snapshots', unit: 'ms', bound: 50 },
      { key: 'quietStep', title: 'longest step without snapshots', unit: 'ms' },
      { key: 'collection', title: 'longest garbage collection meanwhile', unit: 'ms' },
      { key: 'start', title: 'another pod is ready after', unit: 'ms', bound: 10_000 },
      { key: 'startStep', title: 'its longest step', unit: 'ms' },
    ],
    single: async (server, name, scale, pods) => channels(server.url(name), pods, scale),
  },
  {
    name: 'cut',
    title: 'all connections to the server are closed',
    columns: FAILURE,
    except: ['memory'],
    single: async (server, name) => failure(whole(server).proxied(name), async () => whole(server).cut()),
  },
  {
    name: 'restart',
    title: 'the server is killed, and started with its data',
    columns: FAILURE,
    except: ['memory'],
    single: async (server, name) => failure(server.url(name), async () => restart(whole(server), false)),
  },
  {
    name: 'leader',
    title: 'the leader of three servers is killed',
    columns: FAILURE,
    clustered: async (server, name) => failure(server.url(name), async () => server.killLeader(name)),
  },
  {
    name: 'empty',
    title: 'the server is killed, and started without its data',
    columns: FAILURE,
    except: ['memory'],
    single: async (server, name) => failure(server.url(name), async () => restart(whole(server), true)),
  },
  {
    name: 'pods',
    title: 'all pods are killed and started again',
    columns: FAILURE,
    except: ['memory'],
    single: async (server, name) => allPodsGone(server.url(name)),
  },
];

function whole(server: Partial<SingleServer>): SingleServer {
  if (server.kill === undefined) throw new TypeError('it has no server');
  return server as SingleServer;
}
