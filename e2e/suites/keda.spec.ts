import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { byConnections, CLIENTS, scalingByConnections, type Scaler } from '../faults/connections.js';
import { expectToSurvive } from '../faults/survive.js';
import { Cluster } from '../support/cluster.js';
import { Crowd } from '../support/crowd.js';
import { Keda } from '../support/keda.js';
import { Namespace } from '../support/namespace.js';
import { LOGIN, Prometheus } from '../support/prometheus.js';
import { CHART, QUICK } from '../support/release.js';
import { Scene } from '../support/scene.js';

/** A release whose name, and so the names of its pods, begins with the name of the other one. */
const NEIGHBOUR = 'holdfast-eu';
/** Enough for one more pod, if the release counted them. */
const CLIENTS_OF_NEIGHBOUR = 400;
const CREDENTIALS = 'prometheus-login';

describe.skipIf(process.env['E2E_KEDA'] !== '1')('500 clients on 50 channels lose nothing silently in', () => {
  let namespace: Namespace;
  let scene: Scene;
  let keda: Keda;
  let scaler: Scaler;
  let neighbours: Crowd;

  beforeAll(async () => {
    const cluster = Cluster.connect();
    namespace = await Namespace.create(cluster, 'keda');
    keda = await Keda.find(cluster);
    await keda.install();
    scaler = { keda, prometheus: await Prometheus.start(namespace, { login: true }) };
    await createCredentials();
    const small = { ...QUICK, service: { type: 'NodePort' }, config: { auth: { anonymous: true } }, replicaCount: 1 };
    const args = ['install', NEIGHBOUR, CHART, '--wait', '--timeout=120s'];
    scene = await Scene.install(
      namespace,
      scalingByConnections({
        // KEDA is in another namespace.
        prometheus: `http://prometheus.${namespace.name}:9090`,
        authenticationRef: { name: CREDENTIALS },
        metadata: { authModes: 'basic' },
      }),
    );
    await scene.release.helm(args, { ...small, redis: { enabled: false } });
    neighbours = await Crowd.join(namespace, NEIGHBOUR, CLIENTS_OF_NEIGHBOUR);
  }, 480_000);

  afterAll(async () => {
    neighbours?.leave();
    await keda?.remove();
    await namespace?.remove();
  });

  beforeEach(() => namespace.collectOnFailure());

  async function createCredentials(): Promise<void> {
    const metadata = { name: CREDENTIALS, namespace: namespace.name };
    const secretTargetRef = Object.keys(LOGIN).map((key) => ({ parameter: key, name: CREDENTIALS, key }));
    await namespace.cluster.create({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: LOGIN });
    await namespace.cluster.create({
      apiVersion: 'keda.sh/v1alpha1',
      kind: 'TriggerAuthentication',
      metadata,
      spec: { secretTargetRef },
    });
  }

  it('a Prometheus that demands a login, which KEDA has', async () => {
    await expect(scaler.prometheus.query('1')).rejects.toThrow('asked for the client to provide credentials');
    await keda.computes(scene.release, true);
    expect(await keda.connections(scene.release), 'connections without those of the neighbour').toBe(0);
    neighbours.expectWhole();
  });

  it.each(byConnections(() => scaler))(
    '$name',
    async (fault) => {
      await expectToSurvive(scene, fault, namespace.folder(fault.name), CLIENTS);
      neighbours.expectWhole();
    },
    600_000,
  );
});
