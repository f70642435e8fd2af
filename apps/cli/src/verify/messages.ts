import type { Json, Position } from '@holdfast/client';
import { EXIT, Failure } from '../failure.js';
import type { Deadline } from './deadline.js';
import { podAt, type Gateway } from './gateway.js';
import { Journal, type Published } from './journal.js';
import { SteeredClient } from './steered-client.js';

/** What one publisher sends in a round. */
const PER_ROUND = 10;

/** What came late or twice of the first round shows at the latest in the second. */
const ROUNDS = 2;

/** Publishes one after the other, or asks for all at once where the order is kept for it. */
export interface Publisher {
  readonly name: string;
  publish(data: Json): Promise<Position>;
  readonly keepsOrder: boolean;
}

/** Each message of two other pods and of the API arrives once and in order. @returns what was seen. @throws Failure */
export async function checkMessages(gateway: Gateway, channel: string): Promise<string> {
  const { pods, token, publishByApi, deadline } = gateway;
  const subscriber = new SteeredClient(podAt(gateway, 0).destination, token);
  const publishingPods = [...new Set([podAt(gateway, 1), podAt(gateway, 2)])];
  const clients = publishingPods.map(({ destination }) => new SteeredClient(destination, token));
  try {
    const { journal, start } = await follow(subscriber, channel, deadline);
    const publishers: Publisher[] = clients.map(({ holdfast }, index) => ({
      name: publishingPods[index]?.node ?? '',
      keepsOrder: true,
      publish: (data) => holdfast.publish(channel, data),
    }));
    if (publishByApi !== undefined) {
      publishers.push({ name: 'the API', keepsOrder: false, publish: (data) => publishByApi({ channel, data }) });
    }
    const published: Published[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const sent = await Promise.all(publishers.map((publisher) => publishSome(publisher, round, deadline)));
      published.push(...sent.flat());
      await journal.arrived(published.length, deadline);
    }
    const problem = journal.problem(start, published) ?? disorder(published);
    if (problem !== undefined) throw new Failure(EXIT.failed, problem);
    const names = publishers.map(({ name }) => name).join(' and ');
    const where = pods.length === 1 ? 'on the only pod' : `on ${podAt(gateway, 0).node}`;
    return `${published.length} from ${names}: each once and in order ${where}, after ${latency(journal, published)}`;
  } finally {
    await Promise.all([subscriber, ...clients].map((client) => client.close()));
  }
}

/** Subscribes, and keeps a journal from there on. @throws Failure */
export async function follow(
  client: SteeredClient,
  channel: string,
  deadline: Deadline,
): Promise<{ journal: Journal; start: Position }> {
  await client.connected(deadline);
  const journal = new Journal(channel, client);
  const { ready } = client.holdfast.subscribe(channel, {
    message: (message) => journal.message(message),
    gap: (position, reason) => journal.gap(position, reason),
    error: () => {},
  });
  const start = await deadline.within(ready, () => `no answer to the subscription of ${channel}`);
  return { journal, start };
}

/** One round of a publisher. @throws Failure */
export async function publishSome(publisher: Publisher, round: number, deadline: Deadline): Promise<Published[]> {
  const { name, keepsOrder } = publisher;
  const sending: Promise<Published>[] = [];
  for (let number = 0; number < PER_ROUND; number += 1) {
    const data = { publisher: name, round, number };
    const sentAt = performance.now();
    const stored = publisher.publish(data).then((position) => ({ publisher: name, data, position, sentAt }));
    sending.push(stored);
    if (!keepsOrder) await deadline.within(stored, () => `no answer to a publish of ${name}`);
  }
  return deadline.within(Promise.all(sending), () => `not all publishes of ${name} were answered`);
}

/** A publisher's messages that were stored in another order than it sent them. */
function disorder(published: readonly Published[]): string | undefined {
  const latest = new Map<string, number>();
  for (const { publisher, position } of published) {
    if (position.offset <= (latest.get(publisher) ?? 0)) return `messages of ${publisher} were stored out of order`;
    latest.set(publisher, position.offset);
  }
  return undefined;
}

/** From publish to arrival. */
function latency({ arrivals }: Journal, published: readonly Published[]): string {
  const sentAt = new Map(published.map(({ position, sentAt: at }) => [position.offset, at]));
  const all = arrivals.map(({ message, at }) => at - (sentAt.get(message.offset) ?? at)).toSorted((a, b) => a - b);
  return `${Math.round(all[Math.floor(all.length / 2)] ?? 0)} ms (median)`;
}
