import { afterAll, beforeAll, beforeEach } from 'vitest';
import { describeMessaging, MESSAGING_VALUES } from '../checks/messaging.js';
import { Cluster } from '../support/cluster.js';
import { Namespace } from '../support/namespace.js';
import { Scene } from '../support/scene.js';

let namespace: Namespace;
let scene: Scene;

beforeAll(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'messaging');
  scene = await Scene.install(namespace, MESSAGING_VALUES);
});

afterAll(() => namespace?.remove());

beforeEach(() => namespace.collectOnFailure());

describeMessaging(() => scene);
