import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest';
import { BROKER } from '../faults/broker.js';
import { CRASHES } from '../faults/crashes.js';
import { ENVIRONMENT } from '../faults/environment.js';
import { NODES } from '../faults/nodes.js';
import { ROLLOUTS } from '../faults/rollouts.js';
import { runFault } from '../faults/run-fault.js';
import { Cluster } from '../support/cluster.js';
import { Namespace } from '../support/namespace.js';
import { BASE_VALUES, Scene } from '../support/scene.js';

describe('1,000 clients on 50 channels over 3 pods lose nothing, and are told the truth, through', () => {
  let namespace: Namespace;
  let scene: Scene;

  beforeAll(async () => {
    namespace = await Namespace.create(Cluster.connect(), 'faults');
    scene = await Scene.install(namespace);
  });

  afterAll(() => namespace?.remove());

  beforeEach(async () => {
    namespace.collectOnFailure();
    // Whatever the fault before did to it.
    await scene.release.upgrade(BASE_VALUES, ['--wait', '--force-conflicts']);
    await scene.release.scale(3);
    await scene.release.rolledOut();
  });

  it.each([...ROLLOUTS, ...CRASHES, ...NODES, ...BROKER, ...ENVIRONMENT])('$name', async (fault) => {
    const { timeline: _, ...report } = await runFault(scene, fault, namespace.folder(fault.name));
    console.log(JSON.stringify(report, null, 1));
  });
});
