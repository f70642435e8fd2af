import { describe, expect, it } from 'vitest';
import type { Cluster } from './describe-broker.js';
import { until } from './pod.js';

export function describeSignals(cluster: Cluster): void {
  describe('signals', () => {
    it('reach every pod, including the sender, in order and unchanged', async () => {
      const { here, there } = cluster;
      await here.broker.signal('{"kick":"ann"}');
      await here.broker.signal('Grüße 👋\n');
      for (const pod of [here, there]) await until(() => expect(pod.signals).toEqual(['{"kick":"ann"}', 'Grüße 👋\n']));
    });
  });
}
