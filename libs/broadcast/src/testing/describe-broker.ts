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

/** What the pods of one cluster share. */
export interface BrokerServer {
  /** Another pod's broker, not started yet. */
  connect(): Broker;
  /** Called when the pods are closed. */
  close(): Promise<void>;
}

/** Two pods on one server, new for each test. */
export interface Cluster {
  readonly here: Pod;
  readonly there: Pod;
}

/**
 * Defines the tests of every promise that the Broker contract makes, to be called in a `*.spec.ts` of each broker.
 *
 * @param openServer Called for each test; must show nothing of what the tests before left on the server.
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
    if (found === undefined) throw new Error('there are pods only while a test runs');
    return found;
  };
  return {
    get here() {
      return pod(0);
    },
    get there() {
      return pod(1);
    },
  };
}
