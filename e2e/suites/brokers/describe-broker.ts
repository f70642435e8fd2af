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
import { Scene } from '../../support/scene.js';

/** Prints whether a connection to HOST PORT is opened. */
const CONNECT = `
  const [host, port] = process.argv.slice(1);
  const socket = require('node:net').connect({ host, port, timeout: 3_000 });
  const end = (result) => { console.log(result); process.exit(); };
  socket.on('connect', () => end('connected')).on('error', () => end('refused')).on('timeout', () => end('refused'));
`;

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
      const server = `${kind.name}-1.${kind.name}`;
      const attempt = (port: number): Promise<string> =>
        execute(namespace, pod, 'gateway', ['node', '-e', CONNECT, server, `${port}`]);
      expect((await attempt(kind.port)).trim()).toBe('connected');
      if (kind.innerPort === undefined) return;
      expect((await attempt(kind.innerPort)).trim()).toBe('refused');
      // Another server reaches it.
      await execute(namespace, `${kind.name}-0`, kind.name, ['bash', '-c', `: < /dev/tcp/${server}/${kind.innerPort}`]);
    });

    describeMessaging(() => scene);

    describe('1,000 clients on 50 channels over 3 pods lose nothing silently in', () => {
      it.each(faults)('$name', async (fault) => {
        await expectToSurvive(scene, fault, namespace.folder(fault.name));
      });
    });
  });
}
