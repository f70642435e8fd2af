import { describe, expect, it } from 'vitest';
import type { RegisteredConnection } from '../broker.js';
import type { Cluster } from './describe-broker.js';
import { LASTING, until } from './pod.js';

function connection(client: string, holder: string, user = 'ann'): RegisteredConnection {
  return { client, holder, user, node: `node of ${holder}`, since: 1_700_000_000_000 };
}

export function describeConnections(cluster: Cluster): void {
  describe('the connection directory', () => {
    it("knows a user's clients on all pods", async () => {
      const { here, there } = cluster;
      await here.broker.register(connection('c1', 'h1'));
      await there.broker.register(connection('c2', 'h2'));
      await there.broker.register(connection('c3', 'h3', 'bob'));
      for (const { broker } of [here, there]) {
        const connections = await broker.connections('ann');
        expect(connections.toSorted((one, other) => (one.client < other.client ? -1 : 1))).toEqual([
          connection('c1', 'h1'),
          connection('c2', 'h2'),
        ]);
        expect(await broker.connections('bob')).toEqual([connection('c3', 'h3', 'bob')]);
        expect(await broker.connections('nobody')).toEqual([]);
      }
    });

    it('gives a client to its later holder, and the earlier one cannot remove it', async () => {
      const { here, there } = cluster;
      await here.broker.register(connection('c1', 'h1'));
      await there.broker.register(connection('c1', 'h2'));
      await here.broker.unregister('ann', 'c1', 'h1');
      expect(await here.broker.connections('ann')).toEqual([connection('c1', 'h2')]);
      await there.broker.unregister('ann', 'c1', 'h2');
      await there.broker.unregister('ann', 'c1', 'h2');
      expect(await here.broker.connections('ann')).toEqual([]);
    });
  });

  describe('the list of channels', () => {
    it('contains the channels that any pod has subscribed to, in pages and by prefix', async () => {
      const { here, there } = cluster;
      for (const channel of ['b:2', 'a:1', 'b:10']) await here.broker.subscribe(channel, LASTING);
      for (const channel of ['c', 'b:1', 'a:1', 'B']) await there.broker.subscribe(channel, LASTING);
      await here.publish('not:subscribed', 'x');
      await here.broker.subscribe('left', LASTING);
      await here.broker.unsubscribe('left');
      const all = ['B', 'a:1', 'b:1', 'b:10', 'b:2', 'c'];
      for (const { broker } of [here, there]) {
        await until(async () => expect(await broker.channels({ limit: 100 })).toEqual(all));
        expect(await broker.channels({ limit: 2 })).toEqual(['B', 'a:1']);
        expect(await broker.channels({ limit: 3, after: 'a:1' })).toEqual(['b:1', 'b:10', 'b:2']);
        expect(await broker.channels({ limit: 100, prefix: 'b:' })).toEqual(['b:1', 'b:10', 'b:2']);
        expect(await broker.channels({ limit: 1, prefix: 'b:', after: 'b:1' })).toEqual(['b:10']);
        expect(await broker.channels({ limit: 100, after: 'c' })).toEqual([]);
        expect(await broker.channels({ limit: 0 })).toEqual([]);
      }
    });

    it('keeps a channel until its last pod has left', async () => {
      const { here, there } = cluster;
      for (const { broker } of [here, there]) await broker.subscribe('a', LASTING);
      await here.broker.unsubscribe('a');
      await until(async () => expect(await here.broker.channels({ limit: 10 })).toEqual(['a']));
      await there.broker.unsubscribe('a');
      await until(async () => expect(await here.broker.channels({ limit: 10 })).toEqual([]));
    });
  });
}
