import type { Broker } from '../broker.js';
import { LASTING } from './pod.js';

const CHANNEL = 'news:today';

/** One call of every method that settles within {@link CALL_LIMIT}. */
export const CALLS: readonly (readonly [name: keyof Broker, call: (broker: Broker) => Promise<unknown>])[] = [
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

/** Methods that change nothing. */
export const READING: ReadonlySet<string> = new Set(['history', 'channels', 'members', 'connections']);
