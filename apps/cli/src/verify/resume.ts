import { HoldfastError } from '@holdfast/client';
import { EXIT, Failure } from '../failure.js';
import { podAt, type Gateway } from './gateway.js';
import { follow, publishSome, type Publisher } from './messages.js';
import { SteeredClient } from './steered-client.js';

/** The result if the namespace has no history to resume from. */
export interface NoHistory {
  readonly skipped: string;
}

/**
 * Checks that a client whose connection breaks resumes on another pod, and receives what it missed once and in order.
 *
 * @returns the result. @throws Failure
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
    if (!(await keepsHistory(client, channel))) return { skipped: 'the namespace has no history (see --namespace)' };

    await subscriber.cut();
    const missed = await publishSome(publisher, 1, deadline);
    subscriber.destination = after.destination;
    const back = await subscriber.connected(deadline);
    published.push(...missed, ...(await publishSome(publisher, 2, deadline)));
    await journal.arrived(published.length, deadline);

    const problem = journal.problem(start, published);
    if (problem !== undefined) throw new Failure(EXIT.failed, problem);
    if (back.node !== after.node) throw new Failure(EXIT.failed, `reconnected to ${back.node}, not to ${after.node}`);
    if (back.client !== id)
      throw new Failure(EXIT.failed, 'reconnected with another client id: its session was not accepted');
    const way = before === after ? `to ${after.node}, the only pod` : `from ${before.node} to ${after.node}`;
    return `reconnected ${way}: received ${missed.length} missed messages, none lost, none duplicated`;
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
