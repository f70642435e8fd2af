import { describe, expect, it } from 'vitest';
import { BrokerUnavailableError } from '../broker.js';
import { CALLS } from './calls.js';
import type { Cluster } from './describe-broker.js';
import { LASTING, until } from './pod.js';

const CHANNEL = 'news:today';

export function describeLifecycle(cluster: Cluster): void {
  describe('after close', () => {
    it.each(CALLS)('%s is unavailable', async (_, call) => {
      const { here } = cluster;
      await here.close();
      await expect(call(here.broker)).rejects.toThrow(BrokerUnavailableError);
      expect(here.broker.health()).toMatchObject({ status: 'down' });
    });

    it('the pod hears nothing, is subscribed to nothing, and the others go on', async () => {
      const { here, there } = cluster;
      for (const { broker } of [here, there]) await broker.subscribe(CHANNEL, LASTING);
      await here.broker.subscribe('only here', LASTING);
      await here.close();
      await there.publish(CHANNEL, 'x');
      await there.broker.signal('x');
      await until(() => expect(there.delivered(CHANNEL)).toHaveLength(1));
      await until(() => expect(there.signals).toEqual(['x']));
      expect(here.delivered(CHANNEL)).toEqual([]);
      expect(here.signals).toEqual([]);
      await until(async () => expect(await there.broker.channels({ limit: 10 })).toEqual([CHANNEL]));
    });
  });
}
