import { describe, expect, it } from 'vitest';
import type { Cluster } from './describe-broker.js';
import { LASTING, until } from './pod.js';

const CHANNEL = 'news:today';

export function describePositions(cluster: Cluster): void {
  describe('positions', () => {
    it('outlive the history', async () => {
      const { here, there } = cluster;
      const position = await here.publishMany(CHANNEL, 2, { historyTtl: 100 });
      await until(async () => expect(await there.offsets(CHANNEL)).toEqual([]));
      expect(await there.broker.subscribe(CHANNEL, LASTING)).toEqual(position);
      expect(await here.publish(CHANNEL, 'x')).toMatchObject({ epoch: position.epoch, offset: 3 });
    });

    it('expire: after their ttl the channel starts again in another epoch', async () => {
      const { here, there } = cluster;
      const short = { historyTtl: 50, positionTtl: 100 };
      const old = await here.publishMany(CHANNEL, 2, short);
      await until(async () => expect((await there.broker.history(CHANNEL, { limit: 0 })).epoch).not.toBe(old.epoch));
      const fresh = await there.publish(CHANNEL, 'x');
      expect(fresh.epoch).not.toBe(old.epoch);
      expect(fresh.offset).toBe(1);
      expect((await here.broker.history(CHANNEL, { since: old, limit: 10 })).complete).toBe(false);
    });

    it('do not expire while a pod is subscribed; their ttl begins when it leaves', async () => {
      const { here, there } = cluster;
      const short = { ...LASTING, historyTtl: 50, positionTtl: 200 };
      await there.broker.subscribe(CHANNEL, short);
      const position = await here.publishMany(CHANNEL, 2, short);
      await here.passed(here.broker.now() + 3 * short.positionTtl);
      expect(await here.broker.history(CHANNEL, { limit: 10 })).toEqual({
        ...position,
        publications: [],
        complete: true,
      });
      await there.broker.unsubscribe(CHANNEL);
      const left = there.broker.now();
      const { epoch } = await here.broker.history(CHANNEL, { limit: 0 });
      // On a slow machine it may have expired by now.
      if (here.broker.now() < left + short.positionTtl) expect(epoch).toBe(position.epoch);
      await until(async () =>
        expect((await here.broker.history(CHANNEL, { limit: 0 })).epoch).not.toBe(position.epoch),
      );
    });

    it('are kept when the last subscriber leaves', async () => {
      const { here, there } = cluster;
      const position = await here.broker.subscribe(CHANNEL, LASTING);
      await here.broker.unsubscribe(CHANNEL);
      expect(await there.broker.subscribe(CHANNEL, LASTING)).toEqual(position);
    });

    it('of unpublished channels continue: the first publication is not a gap, and a resume misses nothing', async () => {
      const { here, there } = cluster;
      const since = await there.broker.subscribe(CHANNEL, LASTING);
      expect(await here.broker.subscribe(CHANNEL, LASTING)).toEqual(since);
      await there.broker.unsubscribe(CHANNEL);
      expect(await here.publish(CHANNEL, 'x')).toMatchObject({ epoch: since.epoch, offset: 1 });
      await until(() => expect(here.delivered(CHANNEL)).toMatchObject([{ offset: 1 }]));
      expect(here.gaps).toEqual([]);
      const { publications, complete } = await there.broker.history(CHANNEL, { since, limit: 10 });
      expect(publications.map(({ payload }) => payload)).toEqual(['x']);
      expect(complete).toBe(true);
    });

    it('of unpublished channels are never used again after they have expired', async () => {
      const { here, there } = cluster;
      const short = { ...LASTING, positionTtl: 100 };
      const since = await there.broker.subscribe(CHANNEL, short);
      await there.broker.unsubscribe(CHANNEL);
      await until(async () => expect((await here.broker.history(CHANNEL, { limit: 0 })).epoch).not.toBe(since.epoch));
      const { epoch, offset } = await here.publish(CHANNEL, 'x');
      expect(offset).toBe(1);
      expect(epoch).not.toBe(since.epoch);
      expect(await there.broker.history(CHANNEL, { since, limit: 10 })).toMatchObject({ complete: false });
    });

    it('continue if no history is kept', async () => {
      const { here, there } = cluster;
      await there.broker.subscribe(CHANNEL, { ...LASTING, historySize: 0 });
      const position = await here.publishMany(CHANNEL, 3, { historySize: 0 });
      await until(() => expect(there.delivered(CHANNEL).map(({ offset }) => offset)).toEqual([1, 2, 3]));
      expect(await here.broker.history(CHANNEL, { limit: 10 })).toEqual({
        ...position,
        publications: [],
        complete: true,
      });
    });

    it('outlive the last pod', async ({ skip }) => {
      const { here, there } = cluster;
      skip(!here.broker.capabilities.durablePositions, 'positions of this broker end with the last pod');
      const position = await here.publishMany(CHANNEL, 2);
      await Promise.all([here.close(), there.close()]);
      const later = await cluster.startPod();
      expect(await later.broker.subscribe(CHANNEL, LASTING)).toEqual(position);
    });

    it('of publications from before its start can be resumed on a new pod', async ({ skip }) => {
      const { here } = cluster;
      skip(!here.broker.capabilities.sharedHistory, 'histories of this broker begin with the pod');
      const { epoch, offset } = await here.publishMany(CHANNEL, 3);
      const later = await cluster.startPod();
      const since = { epoch, offset: offset - 2 };
      const { publications, complete } = await later.broker.history(CHANNEL, { since, limit: 10 });
      expect(complete).toBe(true);
      expect(publications.map(({ payload }) => payload)).toEqual(['2', '3']);
    });
  });
}
