import { beforeEach, describe, expect, it } from 'vitest';
import type { Cluster } from './describe-broker.js';
import { LASTING, until } from './pod.js';

const CHANNEL = 'room:1';
const ANN = { client: 'ann', details: '{"user":"Ann"}' };
const BOB = { client: 'bob', details: '{"user":"Bob"}' };
const CID = { client: 'cid', details: '{"user":"Cid"}' };

export function describePresence(cluster: Cluster): void {
  describe('presence', () => {
    beforeEach(async ({ skip }) => {
      skip(!cluster.here.broker.capabilities.presence, 'this broker keeps no presence');
      await cluster.there.broker.subscribe(CHANNEL, LASTING);
    });

    it('reports joins and leaves to every subscribed pod', async () => {
      const { here, there } = cluster;
      await here.broker.subscribe(CHANNEL, LASTING);
      await here.broker.join(CHANNEL, ANN, 'h1');
      await there.broker.join(CHANNEL, BOB, 'h2');
      await here.broker.leave(CHANNEL, 'ann', 'h1');
      const events = [
        `${CHANNEL} + ann ${ANN.details}`,
        `${CHANNEL} + bob ${BOB.details}`,
        `${CHANNEL} - ann ${ANN.details}`,
      ];
      for (const pod of [here, there]) {
        await until(() => expect(pod.presence).toEqual(events));
        expect(pod.presenceGaps).toEqual([]);
      }
    });

    it('reports nothing of channels that the pod has not subscribed to', async () => {
      const { here, there } = cluster;
      await here.broker.join('room:2', ANN, 'h1');
      await here.broker.join(CHANNEL, BOB, 'h1');
      await until(() => expect(there.presence).toEqual([`${CHANNEL} + bob ${BOB.details}`]));
      await there.broker.unsubscribe(CHANNEL);
      await here.broker.leave(CHANNEL, 'bob', 'h1');
      await there.broker.subscribe('room:2', LASTING);
      await here.broker.leave('room:2', 'ann', 'h1');
      await until(() => expect(there.presence).toHaveLength(2));
      expect(there.presence[1]).toBe(`room:2 - ann ${ANN.details}`);
    });

    it('lists members in the order of joining, up to the limit, and counts all', async () => {
      const { here, there } = cluster;
      await here.broker.join(CHANNEL, CID, 'h1');
      await there.broker.join(CHANNEL, ANN, 'h2');
      await here.broker.join(CHANNEL, BOB, 'h3');
      for (const { broker } of [here, there]) {
        expect(await broker.members(CHANNEL, { limit: 10 })).toEqual({ members: [CID, ANN, BOB], count: 3 });
        expect(await broker.members(CHANNEL, { limit: 2 })).toEqual({ members: [CID, ANN], count: 3 });
        expect(await broker.members(CHANNEL, { limit: 0 })).toEqual({ members: [], count: 3 });
        expect(await broker.members('room:2', { limit: 10 })).toEqual({ members: [], count: 0 });
      }
    });

    it('lists as many members as fit into the limit of bytes, and counts all', async () => {
      const { here, there } = cluster;
      for (const member of [CID, ANN, BOB]) await here.broker.join(CHANNEL, member, 'h1');
      const size = Buffer.byteLength(JSON.stringify(CID));
      const listed = async (maxBytes: number): Promise<string[]> => {
        const { members, count } = await there.broker.members(CHANNEL, { limit: 10, maxBytes });
        expect(count).toBe(3);
        return members.map(({ client }) => client);
      };
      expect(await listed(3 * size)).toEqual(['cid', 'ann', 'bob']);
      expect(await listed(3 * size - 1)).toEqual(['cid', 'ann']);
      expect(await listed(size)).toEqual(['cid']);
      expect(await listed(size - 1)).toEqual([]);
    });

    it('changes the holder of a client without an announcement, and the earlier holder cannot remove it', async () => {
      const { here, there } = cluster;
      await here.broker.join(CHANNEL, ANN, 'h1');
      await here.broker.join(CHANNEL, BOB, 'h3');
      await there.broker.join(CHANNEL, ANN, 'h2');
      await here.broker.leave(CHANNEL, 'ann', 'h1');
      expect(await here.broker.members(CHANNEL, { limit: 10 })).toEqual({ members: [ANN, BOB], count: 2 });
      await there.broker.leave(CHANNEL, 'ann', 'h2');
      expect(await here.broker.members(CHANNEL, { limit: 10 })).toEqual({ members: [BOB], count: 1 });
      await until(() =>
        expect(there.presence).toEqual([
          `${CHANNEL} + ann ${ANN.details}`,
          `${CHANNEL} + bob ${BOB.details}`,
          `${CHANNEL} - ann ${ANN.details}`,
        ]),
      );
    });

    it('returns what a join or a leave changed, and the number of members', async () => {
      const { here, there } = cluster;
      const answers = [
        await here.broker.join(CHANNEL, ANN, 'h1'),
        await there.broker.join(CHANNEL, BOB, 'h2'),
        await there.broker.join(CHANNEL, ANN, 'h3'),
        await there.broker.join(CHANNEL, { client: 'ann', details: 'away' }, 'h3'),
        await here.broker.leave(CHANNEL, 'ann', 'h1'),
        await here.broker.leave(CHANNEL, 'nobody', 'h1'),
        await there.broker.leave(CHANNEL, 'ann', 'h3'),
        await there.broker.leave(CHANNEL, 'ann', 'h3'),
        await there.broker.leave(CHANNEL, 'bob', 'h2'),
      ];
      expect(answers.map(({ changed, count }) => `${changed} ${count}`)).toEqual([
        'true 1',
        'true 2',
        'false 2',
        'true 2',
        'false 2',
        'false 2',
        'true 1',
        'false 1',
        'true 0',
      ]);
      // Late events only report changes that no call has returned.
      for (const { late } of [here, there]) expect(late).toEqual([]);
    });

    it('announces new details as a join, even from another holder', async () => {
      const { here, there } = cluster;
      await here.broker.join(CHANNEL, ANN, 'h1');
      await here.broker.join(CHANNEL, ANN, 'h1');
      await here.broker.join(CHANNEL, { client: 'ann', details: 'away' }, 'h1');
      await there.broker.join(CHANNEL, { client: 'ann', details: 'back' }, 'h2');
      expect(await here.broker.members(CHANNEL, { limit: 10 })).toEqual({
        members: [{ client: 'ann', details: 'back' }],
        count: 1,
      });
      await until(() =>
        expect(there.presence).toEqual([
          `${CHANNEL} + ann ${ANN.details}`,
          `${CHANNEL} + ann away`,
          `${CHANNEL} + ann back`,
        ]),
      );
    });

    it('lets a client leave only once', async () => {
      const { here, there } = cluster;
      await here.broker.leave(CHANNEL, 'ann', 'h1');
      await here.broker.join(CHANNEL, BOB, 'h1');
      await here.broker.leave(CHANNEL, 'bob', 'h1');
      await here.broker.leave(CHANNEL, 'bob', 'h1');
      await here.broker.join(CHANNEL, CID, 'h1');
      await until(() =>
        expect(there.presence).toEqual([
          `${CHANNEL} + bob ${BOB.details}`,
          `${CHANNEL} - bob ${BOB.details}`,
          `${CHANNEL} + cid ${CID.details}`,
        ]),
      );
    });
  });
}
