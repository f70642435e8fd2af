import { beforeEach, describe, expect, it } from 'vitest';
import type { Idempotency } from '../broker.js';
import { KeyConflictError } from '../errors.js';
import type { Cluster } from './describe-broker.js';
import { LASTING, until } from './pod.js';

const CHANNEL = 'news:today';
const IDEMPOTENCY: Idempotency = { publisher: 'ann', key: 'k1', fingerprint: 'f1', window: 600_000 };

export function describeIdempotency(cluster: Cluster): void {
  describe('idempotent publish', () => {
    beforeEach(({ skip }) => skip(!cluster.here.broker.capabilities.idempotency, 'this broker remembers no keys'));

    it('stores and delivers once per key on any pod, and returns the same position', async () => {
      const { here, there } = cluster;
      await there.broker.subscribe(CHANNEL, LASTING);
      const first = await here.publish(CHANNEL, 'a', {}, IDEMPOTENCY);
      await here.publish(CHANNEL, 'b');
      const second = await there.publish(CHANNEL, 'a', {}, IDEMPOTENCY);
      expect(first.duplicate).toBe(false);
      expect(second).toEqual({ ...first, duplicate: true });
      await here.publish(CHANNEL, 'c');
      await until(() => expect(there.delivered(CHANNEL).map(({ payload }) => payload)).toEqual(['a', 'b', 'c']));
    });

    it('stores once when many arrive at the same time', async () => {
      const { here, there } = cluster;
      const results = await Promise.all(
        Array.from({ length: 20 }, async (_, index) =>
          (index % 2 === 0 ? here : there).publish(CHANNEL, 'a', {}, IDEMPOTENCY),
        ),
      );
      expect(results.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      expect(new Set(results.map(({ epoch, offset }) => `${epoch} ${offset}`)).size).toBe(1);
      expect(await here.offsets(CHANNEL)).toEqual([1]);
    });

    it('refuses different data with the same key, and stores nothing', async () => {
      const { here, there } = cluster;
      await here.publish(CHANNEL, 'a', {}, IDEMPOTENCY);
      const conflict = there.publish(CHANNEL, 'b', {}, { ...IDEMPOTENCY, fingerprint: 'f2' });
      await expect(conflict).rejects.toThrow(KeyConflictError);
      expect(await here.offsets(CHANNEL)).toEqual([1]);
      expect(await here.publish(CHANNEL, 'a', {}, IDEMPOTENCY)).toMatchObject({ offset: 1, duplicate: true });
    });

    it.each([
      ['another publisher', CHANNEL, { publisher: 'bob' }],
      ['another key', CHANNEL, { key: 'k2' }],
      ['another channel', 'news:tomorrow', {}],
      ['a publisher and key that read the same when joined', CHANNEL, { publisher: 'an', key: 'nk1' }],
    ])('does not confuse it with %s', async (_, channel, other) => {
      const { here } = cluster;
      await here.publish(CHANNEL, 'a', {}, IDEMPOTENCY);
      const result = await here.publish(channel, 'b', {}, { ...IDEMPOTENCY, fingerprint: 'f2', ...other });
      expect(result.duplicate).toBe(false);
    });

    it('remembers a key without a history', async () => {
      const { here, there } = cluster;
      const first = await here.publish(CHANNEL, 'a', { historySize: 0 }, IDEMPOTENCY);
      expect(await there.publish(CHANNEL, 'a', { historySize: 0 }, IDEMPOTENCY)).toEqual({ ...first, duplicate: true });
    });

    it('forgets a key when its window ends, which a repeated publish does not extend', async () => {
      const { here, there } = cluster;
      const idempotency = { ...IDEMPOTENCY, window: 200 };
      const first = await here.publish(CHANNEL, 'a', {}, idempotency);
      const again = await until(async () => {
        const result = await there.publish(CHANNEL, 'a', {}, idempotency);
        expect(result.duplicate).toBe(false);
        return result;
      });
      expect(again).toEqual({ epoch: first.epoch, offset: 2, duplicate: false });
    });
  });
}
