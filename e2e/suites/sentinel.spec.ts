import { afterAll, beforeAll, beforeEach, describe, it } from 'vitest';
import { failover } from '../faults/sentinel.js';
import { expectToSurvive } from '../faults/survive.js';
import { Cluster } from '../support/cluster.js';
import { Namespace } from '../support/namespace.js';
import { Scene } from '../support/scene.js';
import { SentinelSetUp } from '../support/sentinel.js';

let namespace: Namespace;
let sentinels: SentinelSetUp;
let scene: Scene;

beforeAll(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'sentinel');
  sentinels = await SentinelSetUp.start(namespace);
  scene = await Scene.install(namespace, { broker: { url: sentinels.url(0) } });
});

afterAll(() => namespace?.remove());

beforeEach(() => namespace.collectOnFailure());

describe('1,000 clients on 50 channels over 3 pods lose nothing silently in', () => {
  it.each([0, 1])('a failover by Sentinel, with wait=%i', async (wait) => {
    await expectToSurvive(scene, failover(sentinels, wait), namespace.folder(`failover-${wait}`));
  });
});
