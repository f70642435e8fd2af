import { afterAll, beforeAll, beforeEach, describe, inject, it } from 'vitest';
import { BROKER } from '../faults/broker.js';
import { CRASHES } from '../faults/crashes.js';
import { ENVIRONMENT } from '../faults/environment.js';
import { ingressFaults } from '../faults/ingress-controllers.js';
import { NODES } from '../faults/nodes.js';
import { ROLLOUTS } from '../faults/rollouts.js';
import { SCALING } from '../faults/scaling.js';
import { expectToSurvive } from '../faults/survive.js';
import { Cluster } from '../support/cluster.js';
import { Namespace } from '../support/namespace.js';
import { Scene } from '../support/scene.js';

let namespace: Namespace;
let scene: Scene;

beforeAll(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'faults');
  scene = await Scene.install(namespace);
});

afterAll(() => namespace?.remove());

beforeEach(() => namespace.collectOnFailure());

describe('1,000 clients on 50 channels over 3 pods lose nothing silently in', () => {
  const ingress = ingressFaults(inject('ingressClasses'));
  it.each([...ROLLOUTS, ...CRASHES, ...NODES, ...BROKER, ...ingress, ...ENVIRONMENT, ...SCALING])(
    '$name',
    async (fault) => {
      await expectToSurvive(scene, fault, namespace.folder(fault.name));
    },
  );
});
