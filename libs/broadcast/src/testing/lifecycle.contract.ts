import { describe, expect, it } from 'vitest';
import { BrokerUnavailableError, type Broker } from '../broker.js';
import type { Cluster } from './describe-broker.js';
import { LASTING, until } from './pod.js';

const CHANNEL = 'news:today';

const CALLS: [name: string, call: (broker: Broker) => Promise<unknown>][] = [
  ['subscribe', async (broker) => broker.subscribe(CHANNEL, LASTING)],
  ['unsubscribe', async (broker) => broker.unsubscribe(CHANNEL)],
  ['publish', async (broker) => broker.publish({ channel: CHANNEL, payload: 'x', stream: LASTING })],
  ['history', async (broker) => broker.history(CHANNEL, { limit: 1 })],
  ['channels', async (broker) => broker.channels({ limit: 1 })],
  ['join', async (broker) => broker.join(CHANNEL, { client: 'ann', details: '' }, 'h1')],
  ['leave', async (broker) => broker.leave(CHANNEL, 'ann', 'h1')],
  ['members', async (broker) => broker.members(CHANNEL, { limit: 1 })],
  ['register', async (broker) => broker.register({ client: 'ann', holder: 'h1', user: 'u', node: 'n', since: 0 })],
  ['unregister', async (broker) => broker.unregister('u', 'ann', 'h1')],
  ['connections', async (broker) => broker.connections('u')],
  ['signal', async (broker) => broker.signal('x')],
];

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
