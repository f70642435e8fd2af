import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Cluster } from './describe-broker.js';
import { LASTING, until } from './pod.js';

const CHANNEL = 'news:today';

export function describePublications(cluster: Cluster): void {
  describe('publications', () => {
    it('have consecutive offsets from 1, in an epoch of 1 to 64 characters', async () => {
      const { here, there } = cluster;
      const results = [
        await here.publish(CHANNEL, 'a'),
        await there.publish(CHANNEL, 'b'),
        await here.publish(CHANNEL, 'c'),
      ];
      expect(results.map(({ offset }) => offset)).toEqual([1, 2, 3]);
      expect(new Set(results.map(({ epoch }) => epoch)).size).toBe(1);
      expect(results[0]?.epoch).toMatch(/^.{1,64}$/);
      expect(results.every(({ duplicate }) => !duplicate)).toBe(true);
    });

    it('have offsets per channel', async () => {
      const { here } = cluster;
      await here.publishMany(CHANNEL, 3);
      expect(await here.publish('news:tomorrow', 'a')).toMatchObject({ offset: 1 });
    });

    it('reach every subscribed pod in order and once, even if several pods publish at the same time', async () => {
      const { here, there } = cluster;
      await Promise.all([here.broker.subscribe(CHANNEL, LASTING), there.broker.subscribe(CHANNEL, LASTING)]);
      const payloads = Array.from({ length: 200 }, (_, index) => `payload ${index}`);
      const results = await Promise.all(
        payloads.map(async (payload, index) => (index % 2 === 0 ? here : there).publish(CHANNEL, payload)),
      );
      const expected = payloads.toSorted(
        (one, other) => (results[payloads.indexOf(one)]?.offset ?? 0) - (results[payloads.indexOf(other)]?.offset ?? 0),
      );
      for (const pod of [here, there]) {
        await until(() => expect(pod.delivered(CHANNEL).length).toBeGreaterThanOrEqual(200));
        expect(pod.delivered(CHANNEL).map(({ offset }) => offset)).toEqual(payloads.map((_, index) => index + 1));
        expect(pod.delivered(CHANNEL).map(({ payload }) => payload)).toEqual(expected);
        expect(pod.gaps).toEqual([]);
      }
    });

    it('begin right after the position of the subscription, even while others publish', async () => {
      const { here, there } = cluster;
      const publisher = (async () => {
        while (here.delivered(CHANNEL).length <= 10) {
          await there.publish(CHANNEL, 'x');
          // The promises of a broker in memory settle without giving timers a turn.
          await setImmediate();
        }
      })();
      await until(async () => expect((await here.broker.history(CHANNEL, { limit: 0 })).offset).toBeGreaterThan(10));
      const position = await here.broker.subscribe(CHANNEL, LASTING);
      await publisher;
      expect(position.offset).toBeGreaterThan(10);
      expect(here.delivered(CHANNEL).map(({ offset }) => offset)).toEqual(
        here.delivered(CHANNEL).map((_, index) => position.offset + index + 1),
      );
    });

    it('are not delivered before or without a subscription', async () => {
      const { here, there } = cluster;
      await there.broker.subscribe(CHANNEL, LASTING);
      await here.publishMany(CHANNEL, 2);
      await here.broker.subscribe('marker', LASTING);
      await until(() => expect(there.delivered(CHANNEL)).toHaveLength(2));
      await here.publish('marker', 'x');
      await until(() => expect(here.delivered('marker')).toHaveLength(1));
      expect(here.delivered(CHANNEL)).toEqual([]);
      expect(there.delivered('marker')).toEqual([]);
    });

    it('end with the subscription', async () => {
      const { here, there } = cluster;
      for (const pod of [here, there]) await pod.broker.subscribe(CHANNEL, LASTING);
      await here.publish(CHANNEL, 'a');
      await until(() => expect(here.delivered(CHANNEL)).toHaveLength(1));
      await here.broker.unsubscribe(CHANNEL);
      await here.publish(CHANNEL, 'b');
      await until(() => expect(there.delivered(CHANNEL)).toHaveLength(2));
      await here.broker.subscribe('marker', LASTING);
      await here.publish('marker', 'x');
      await until(() => expect(here.delivered('marker')).toHaveLength(1));
      expect(here.delivered(CHANNEL)).toHaveLength(1);
    });

    it('arrive once if a pod subscribes twice, and the second time returns the current position', async () => {
      const { here } = cluster;
      const position = await here.broker.subscribe(CHANNEL, LASTING);
      expect(position.offset).toBe(0);
      await here.publish(CHANNEL, 'a');
      expect(await here.broker.subscribe(CHANNEL, LASTING)).toEqual({ ...position, offset: 1 });
      await here.publish(CHANNEL, 'b');
      await until(() => expect(here.delivered(CHANNEL).map(({ offset }) => offset)).toEqual([1, 2]));
      await here.broker.unsubscribe(CHANNEL);
      await here.broker.unsubscribe(CHANNEL);
    });

    it('follow subscribe and unsubscribe in the order in which they were called', async () => {
      const { here, there } = cluster;
      await Promise.all([
        here.broker.subscribe(CHANNEL, LASTING),
        here.broker.unsubscribe(CHANNEL),
        here.broker.subscribe(CHANNEL, LASTING),
      ]);
      await there.publish(CHANNEL, 'a');
      await until(() => expect(here.delivered(CHANNEL)).toHaveLength(1));
    });

    it('are the same live and in the history', async () => {
      const { here, there } = cluster;
      await there.broker.subscribe(CHANNEL, LASTING);
      const payload = '{"text":"Grüße, 世界 👋\\n\\u0000 \u0000 \' \\" <&>"}';
      await here.publish(CHANNEL, payload);
      await until(() => expect(there.delivered(CHANNEL)).toHaveLength(1));
      const { publications } = await here.broker.history(CHANNEL, { limit: 1 });
      expect(publications).toEqual(there.delivered(CHANNEL));
      expect(publications[0]?.payload).toBe(payload);
    });

    it("have the broker's time, which never goes back", async () => {
      const { here, there } = cluster;
      const before = here.broker.now();
      for (const pod of [here, there, here, there]) await pod.publish(CHANNEL, 'x');
      const { publications } = await here.broker.history(CHANNEL, { limit: 4 });
      const times = publications.map(({ time }) => time);
      expect(times).toEqual(times.toSorted((one, other) => one - other));
      // A pod knows a server's clock only to within a round trip.
      expect(times[0]).toBeGreaterThan(before - 1_000);
      expect(times[3]).toBeLessThan(here.broker.now() + 1_000);
    });
  });
}
