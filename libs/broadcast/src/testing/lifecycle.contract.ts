import { describe, expect, it } from 'vitest';
import { BrokerUnavailableError } from '../errors.js';
import { CALLS } from './calls.js';
import type { Cluster } from './describe-broker.js';
import { LASTING, until } from './pod.js';

const CHANNEL = 'news:today';

export function describeLifecycle(cluster: Cluster): void {
  it('an error in a listener is reported, and only that event is lost', async () => {
    const { here } = cluster;
    await here.broker.subscribe(CHANNEL, LASTING);
    const error = new Error('an error in the listener');
    const fails = (): never => {
      throw error;
    };
    const own = { onPublication: fails, onSignal: fails };
    Object.assign(here, own);
    await here.publish(CHANNEL, 'first');
    await here.broker.signal('first');
    await until(() => expect(here.faults).toEqual([error, error]));
    // Reveals the methods of the class again.
    for (const name of Object.keys(own)) Reflect.deleteProperty(here, name);
    await here.publish(CHANNEL, 'second');
    await here.broker.signal('second');
    await until(() => expect(here.delivered(CHANNEL).map(({ payload }) => payload)).toEqual(['second']));
    await until(() => expect(here.signals).toEqual(['second']));
  });

  describe('after close', () => {
    it.each(CALLS)('%s is unavailable', async (_, call) => {
      const { here } = cluster;
      await here.close();
      await expect(call(here.broker)).rejects.toThrow(BrokerUnavailableError);
      expect(here.broker.health()).toMatchObject({ status: 'down' });
    });

    it('the pod receives nothing, has no subscriptions, and other pods continue', async () => {
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
