import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BrokerKind } from '../../brokers/broker-kind.js';
import { BrokerServers } from '../../brokers/servers.js';
import { describeMessaging, MESSAGING_VALUES } from '../../checks/messaging.js';
import type { Fault } from '../../faults/fault.js';
import { expectToSurvive } from '../../faults/survive.js';
import { Cluster } from '../../support/cluster.js';
import { execute } from '../../support/execute.js';
import { Namespace } from '../../support/namespace.js';
import { merged } from '../../support/release.js';
import { reached } from '../../support/reach.js';
import { Scene } from '../../support/scene.js';

/** Checks the gateway on one deployment of three servers of a broker. */
export function describeBroker(kind: BrokerKind, faults: readonly Fault[]): void {
  describe(`on ${kind.title}`, () => {
    let namespace: Namespace;
    let servers: BrokerServers;
    let scene: Scene;

    beforeAll(async () => {
      namespace = await Namespace.create(Cluster.connect(), kind.name);
      servers = await BrokerServers.start(namespace, kind);
      scene = await Scene.install(namespace, merged(MESSAGING_VALUES, servers.values));
    }, 400_000);

    afterAll(() => namespace?.remove());

    beforeEach(() => namespace.collectOnFailure());

    it('the network policy lets pods of the gateway reach the port for clients of the broker, and no other', async () => {
      const [pod = ''] = await scene.release.podNames();
      const address = `${kind.name}-1.${kind.name}`;
      const ports = [kind.port, ...(kind.innerPort === undefined ? [] : [kind.innerPort])];
      const targets = ports.map((port) => ({ address, port }));
      const admitted = await reached(namespace, { pod, container: 'gateway' }, targets);
      expect(admitted.map(({ port }) => port)).toEqual([kind.port]);
      if (kind.innerPort === undefined) return;
      // Another server reaches it.
      await execute(namespace, `${kind.name}-0`, kind.name, [
        'bash',
        '-c',
        `: < /dev/tcp/${address}/${kind.innerPort}`,
      ]);
    });

    describeMessaging(() => scene);

    describe('1,000 clients on 50 channels over 3 pods lose nothing silently in', () => {
      it.each(faults)('$name', async (fault) => {
        await expectToSurvive(scene, fault, namespace.folder(fault.name));
      });
    });
  });
}
