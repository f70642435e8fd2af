import { HoldfastError } from '@holdfast/client';
import { EXIT, Failure } from '../failure.js';
import { podAt, type Gateway } from './gateway.js';
import { follow, publishSome, type Publisher } from './messages.js';
import { SteeredClient } from './steered-client.js';

/** What is seen where the namespace keeps nothing to resume from. */
export interface NoHistory {
  readonly skipped: string;
}

/**
 * A client whose connection breaks comes back to another pod, and gets what it missed once and in order.
 *
 * @returns what was seen. @throws Failure
 */
export async function checkResume(gateway: Gateway, channel: string): Promise<string | NoHistory> {
  const { token, deadline } = gateway;
  const [before, after, third] = [podAt(gateway, 0), podAt(gateway, 1), podAt(gateway, 2)];
  const subscriber = new SteeredClient(before.destination, token);
  const client = new SteeredClient(third.destination, token);
  const publisher: Publisher = {
    name: third.node,
    keepsOrder: true,
    publish: (data) => client.holdfast.publish(channel, data),
  };
  try {
    const { journal, start } = await follow(subscriber, channel, deadline);
    const { client: id } = await subscriber.connected(deadline);
    const published = await publishSome(publisher, 0, deadline);
    await journal.arrived(published.length, deadline);
    if (!(await keepsHistory(client, channel))) return { skipped: 'the namespace keeps no history (see --namespace)' };

    await subscriber.cut();
    const missed = await publishSome(publisher, 1, deadline);
    subscriber.destination = after.destination;
    const back = await subscriber.connected(deadline);
    published.push(...missed, ...(await publishSome(publisher, 2, deadline)));
    await journal.arrived(published.length, deadline);

    const problem = journal.problem(start, published);
    if (problem !== undefined) throw new Failure(EXIT.failed, problem);
    if (back.node !== after.node) throw new Failure(EXIT.failed, `came back to ${back.node}, not to ${after.node}`);
    if (back.client !== id)
      throw new Failure(EXIT.failed, 'came back under another client id: its session was not taken');
    const way = before === after ? `to ${after.node}, the only pod` : `from ${before.node} to ${after.node}`;
    return `cut, and back ${way}: ${missed.length} missed messages came, none lost, none twice`;
  } finally {
    await Promise.all([subscriber.close(), client.close()]);
  }
}

async function keepsHistory({ holdfast }: SteeredClient, channel: string): Promise<boolean> {
  try {
    await holdfast.history(channel, { limit: 1 });
    return true;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'history_disabled') return false;
    throw error;
  }
}
