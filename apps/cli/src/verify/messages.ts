import type { Json, Position } from '@holdfast/client';
import { EXIT, Failure } from '../failure.js';
import type { Deadline } from './deadline.js';
import { podAt, type Gateway } from './gateway.js';
import { Journal, type Published } from './journal.js';
import { SteeredClient } from './steered-client.js';

/** The number of messages of a publisher per round. */
const PER_ROUND = 10;

/** Late messages and duplicates of the first round show in the second at the latest. */
const ROUNDS = 2;

/** Publishes sequentially, or concurrently if `keepsOrder` says that the order is preserved. */
export interface Publisher {
  readonly name: string;
  publish(data: Json): Promise<Position>;
  readonly keepsOrder: boolean;
}

/** Checks that each message from two other pods and from the API arrives once and in order. @returns the result. @throws Failure */
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

/** Subscribes, and records a journal. @throws Failure */
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
  const start = await deadline.within(ready, () => `no reply to the subscribe for ${channel}`);
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
    if (!keepsOrder) await deadline.within(stored, () => `no reply to a publish of ${name}`);
  }
  return deadline.within(Promise.all(sending), () => `some publishes of ${name} got no reply`);
}

/** Reports a publisher whose messages were stored in a different order than it sent them. */
function disorder(published: readonly Published[]): string | undefined {
  const latest = new Map<string, number>();
  for (const { publisher, position } of published) {
    if (position.offset <= (latest.get(publisher) ?? 0)) return `messages of ${publisher} were stored out of order`;
    latest.set(publisher, position.offset);
  }
  return undefined;
}

/** The median time from publish to arrival. */
function latency({ arrivals }: Journal, published: readonly Published[]): string {
  const sentAt = new Map(published.map(({ position, sentAt: at }) => [position.offset, at]));
  const all = arrivals.map(({ message, at }) => at - (sentAt.get(message.offset) ?? at)).toSorted((a, b) => a - b);
  return `${Math.round(all[Math.floor(all.length / 2)] ?? 0)} ms (median)`;
}
