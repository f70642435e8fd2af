import { afterEach, beforeEach, describe } from 'vitest';
import type { Broker } from '../broker.js';
import { describeConnections } from './connections.contract.js';
import { describeHistory } from './history.contract.js';
import { describeIdempotency } from './idempotency.contract.js';
import { describeLifecycle } from './lifecycle.contract.js';
import { Pod } from './pod.js';
import { describePositions } from './positions.contract.js';
import { describePresence } from './presence.contract.js';
import { describePublications } from './publications.contract.js';
import { describeSignals } from './signals.contract.js';

/** What the pods of a cluster share. */
export interface BrokerServer {
  /** Another pod's broker, not started yet. */
  connect(): Broker;
  /** Called after the pods have been closed. */
  close(): Promise<void>;
}

/** Two pods on one server, new for each test. */
export interface Cluster {
  readonly here: Pod;
  readonly there: Pod;
  /** Starts another pod. */
  startPod(): Promise<Pod>;
}

/**
 * Defines the tests of the Broker contract; each broker calls it in a `*.spec.ts`.
 *
 * @param openServer called for each test; must not show what earlier tests have left on the server.
 */
export function describeBroker(name: string, openServer: () => BrokerServer | Promise<BrokerServer>): void {
  describe(`${name}, a broker,`, () => {
    const cluster = useCluster(openServer);
    describePublications(cluster);
    describePositions(cluster);
    describeHistory(cluster);
    describeIdempotency(cluster);
    describePresence(cluster);
    describeConnections(cluster);
    describeSignals(cluster);
    describeLifecycle(cluster);
  });
}

function useCluster(openServer: () => BrokerServer | Promise<BrokerServer>): Cluster {
  let server: BrokerServer | undefined;
  let pods: Pod[] = [];

  beforeEach(async () => {
    const opened = await openServer();
    server = opened;
    pods = [new Pod(opened.connect()), new Pod(opened.connect())];
    await Promise.all(pods.map(async (pod) => pod.start()));
  });
  afterEach(async () => {
    await Promise.all(pods.map(async (pod) => pod.close()));
    await server?.close();
  });

  const pod = (index: number): Pod => {
    const found = pods[index];
    if (found === undefined) throw new Error('pods only exist while a test runs');
    return found;
  };
  return {
    get here() {
      return pod(0);
    },
    get there() {
      return pod(1);
    },
    async startPod() {
      if (server === undefined) throw new Error('the server only exists while a test runs');
      const started = new Pod(server.connect());
      pods.push(started);
      await started.start();
      return started;
    },
  };
}
