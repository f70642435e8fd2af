import type { V1Pod } from '@kubernetes/client-node';
import { expect } from 'vitest';
import { Crowd } from '../support/crowd.js';
import { eventually } from '../support/eventually.js';
import { injectFault } from '../support/inject.js';
import type { Keda } from '../support/keda.js';
import type { Prometheus } from '../support/prometheus.js';
import type { Values } from '../support/release.js';
import { NODE_PORT_SERVICE, type Scene } from '../support/scene.js';
import type { Fault } from './fault.js';
import { BEHAVIOR, expectOneByOne, SCALED_WITHIN } from './scaling.js';

/**
 * The numbers of connections below need a certain number of pods even if the autoscaler adds one at a time: with one less, each pod has more than
 * 10 % too many, which the autoscaler would tolerate.
 */
const CONNECTIONS_PER_POD = 250;
/** The load, whose clients are judged. Alone it needs fewer pods than there are at least. */
export const CLIENTS = 500;
/** Clients that only hold connections. They come before the load, so that the load uses the pods that are added for them. */
const CROWD = 950;

const FEWEST = 3;
const FOR_CROWD = Math.ceil(CROWD / CONNECTIONS_PER_POD);
const FOR_ALL = Math.ceil((CLIENTS + CROWD) / CONNECTIONS_PER_POD);

/** Long enough to remove pods, if it counted as no connections. */
const OUTAGE_SECONDS = 45;
/** Pods that cannot be scraped in a partial outage. The crowd is on the oldest ones: without those the others would need fewer pods. */
const CUT_OFF = 2;

/** Values of a release that scales by connections. */
export function scalingByConnections(keda: Values): Values {
  return {
    config: { auth: { anonymous: true } },
    autoscaling: {
      enabled: true,
      provider: 'keda',
      minReplicas: FEWEST,
      // More than are needed, so that counting too many connections shows.
      maxReplicas: FOR_ALL + 2,
      behavior: BEHAVIOR,
      keda: { connections: CONNECTIONS_PER_POD, pollingInterval: 1, ...keda },
    },
  };
}

/** What scales the release. */
export interface Scaler {
  readonly keda: Keda;
  readonly prometheus: Prometheus;
}

/** The faults of a release that scales by connections. */
export function byConnections(scaler: () => Scaler): readonly Fault[] {
  return [
    inCrowd('KEDA adding pods by connections, and removing them one by one', scaler, async () => {}),
    inCrowd(`KEDA with a Prometheus that was paused for ${OUTAGE_SECONDS} s`, scaler, async (scene) => {
      const { prometheus } = scaler();
      const { name } = scene.release.namespace;
      await expectBlind(scene, scaler(), injectFault('pause', name, prometheus.pod, String(OUTAGE_SECONDS)));
    }),
    inCrowd(`KEDA with a Prometheus that reached no pod for ${OUTAGE_SECONDS} s`, scaler, async (scene) => {
      await expectBlind(scene, scaler(), cutOff(scene, scaler(), FOR_ALL));
    }),
    inCrowd(`KEDA with a Prometheus that did not reach some pods for ${OUTAGE_SECONDS} s`, scaler, async (scene) => {
      await cutOff(scene, scaler(), CUT_OFF);
    }),
  ];
}

/** A crowd comes, and leaves again. `meanwhile` something happens because of which no pod may stop. */
function inCrowd(name: string, scaler: () => Scaler, meanwhile: (scene: Scene) => Promise<void>): Fault {
  let crowd: Crowd | undefined;
  return {
    name,
    cost: 'nothing',
    fewClients: true,
    async prepare(scene) {
      crowd = await Crowd.join(scene.release.namespace, NODE_PORT_SERVICE, CROWD);
      await scene.has(FOR_CROWD, SCALED_WITHIN);
    },
    async inject(scene, watch) {
      const { keda } = scaler();
      const counts = async (): Promise<void> =>
        eventually(async () => expect(await keda.connections(scene.release)).toBe(CLIENTS + CROWD));
      await scene.has(FOR_ALL, SCALED_WITHIN);
      await counts();
      await meanwhile(scene);
      await counts();
      crowd?.expectWhole();
      expect(watch.stopped, 'pods that stopped although nobody left').toEqual([]);
      crowd?.leave();
      await scene.has(FEWEST, SCALED_WITHIN);
      expectOneByOne(watch, FOR_ALL - FEWEST);
    },
    async restore() {
      crowd?.leave();
    },
    expect({ verdict }) {
      expect(verdict.moves.max, 'moves of a client from pods that stopped').toBeGreaterThan(0);
    },
  };
}

/** Asserts that an outage really hides the number of connections from the autoscaler, and that it sees it afterwards. */
async function expectBlind({ release }: Scene, { keda }: Scaler, outage: Promise<unknown>): Promise<void> {
  await Promise.all([outage, keda.computes(release, false)]);
  await keda.computes(release, true);
}

/** Drops all packets between Prometheus and the oldest pods. */
async function cutOff({ release }: Scene, { prometheus }: Scaler, count: number): Promise<void> {
  const pods = (await release.readyPods()).toSorted((a, b) => createdAt(a) - createdAt(b)).slice(0, count);
  const addresses = pods.map(({ status }) => status?.podIP ?? '');
  const drop = (address: string): Promise<string> =>
    injectFault('drop', release.namespace.name, prometheus.pod, address, String(OUTAGE_SECONDS));
  await Promise.all(addresses.map(drop));
}

function createdAt({ metadata }: V1Pod): number {
  return metadata?.creationTimestamp?.getTime() ?? 0;
}
