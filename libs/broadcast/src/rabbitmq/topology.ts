import type { Channel } from 'amqplib';
import { LogRefusedError } from '../log/log-adapter.js';
import type { Connection } from './connection.js';
import { codeOf, messageOf, ReplyCode, unavailable } from './errors.js';
import type { RabbitSettings } from './url.js';

/**
 * Bytes of a segment, the unit in which RabbitMQ deletes what is too old: its default of 500 MB would keep quiet partitions for
 * weeks, and have a pod that starts read all of it.
 */
const SEGMENT = 16 * 1_024 * 1_024;

/** ms in the units of `x-max-age`: https://www.rabbitmq.com/docs/streams#retention */
const UNITS: Readonly<Record<string, number>> = {
  Y: 365 * 86_400_000,
  M: 30 * 86_400_000,
  D: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
};

type Arguments = Record<string, string | number | undefined>;

/** Arguments whose value makes no difference to what is promised. */
const FREE: ReadonlySet<string> = new Set([
  'x-initial-cluster-size',
  'x-queue-leader-locator',
  'x-stream-filter-size-bytes',
  'x-stream-max-segment-size-bytes',
]);

/** What an existing queue has instead of what was asked for. */
interface Difference {
  readonly argument: string;
  /** Undefined if it has none. */
  readonly current: string | undefined;
}

export function queueName(prefix: string, partition: number): string {
  return `${prefix}.log.${partition}`;
}

/** Of the exchange that entries are published to: the right to use the default exchange would be one for every queue. */
export function exchangeName(prefix: string): string {
  return `${prefix}.log`;
}

/** Of the exchange that backends publish to, with the channel as the routing key, and of the queue behind it. */
export function inboxName(prefix: string): string {
  return `${prefix}.publish`;
}

export function routingKey(partition: number): string {
  return `${partition}`;
}

/**
 * Declares the exchange, and a stream for each partition, or checks those that exist.
 *
 * @throws LogUnavailableError
 */
export async function declareTopology(connection: Connection, settings: RabbitSettings): Promise<void> {
  const { prefix, partitions, window } = settings;
  const exchange = exchangeName(prefix);
  await declareExchange(connection, exchange, 'direct');
  const declarations = Array.from({ length: partitions }, async (_, partition) => {
    const queue = queueName(prefix, partition);
    await declareQueue(connection, queue, window, async (channel) => {
      // The server checks the rights to write to the queue, and to read from the exchange.
      await channel.bindQueue(queue, exchange, routingKey(partition));
    });
  });
  await Promise.all(declarations);
  if (await exists(connection, queueName(prefix, partitions))) {
    throw new LogRefusedError(
      `there are more queues ${prefix}.log.N than partitions=${partitions}: set the number that the other pods have`,
    );
  }
}

/** Whether there is a queue of that name, of any type. @throws LogUnavailableError */
export async function exists(connection: Connection, name: string): Promise<boolean> {
  try {
    await onChannel(connection, async (channel) => channel.checkQueue(name));
    return true;
  } catch (error) {
    // The same code stands for a queue whose node is down.
    if (codeOf(error) === ReplyCode.notFound && messageOf(error).includes('no queue')) return false;
    throw unavailable(error);
  }
}

async function declareExchange(connection: Connection, name: string, type: 'direct' | 'fanout'): Promise<void> {
  try {
    await onChannel(connection, async (channel) => channel.assertExchange(name, type, { durable: true }));
  } catch (error) {
    if (differenceIn(error) === undefined) throw unavailable(error);
    throw new LogRefusedError(`the exchange ${name} is not one of Holdfast: delete it, or set another \`prefix\``, {
      cause: error,
    });
  }
}

/**
 * Declares the exchange for backends, and its queue, which keeps messages on a majority of the nodes and gives them to one consumer at
 * a time.
 *
 * @throws LogUnavailableError
 */
export async function declareInbox(connection: Connection, name: string): Promise<void> {
  await declareExchange(connection, name, 'fanout');
  const args = { 'x-queue-type': 'quorum', 'x-single-active-consumer': true };
  try {
    await onChannel(connection, async (channel) => {
      await channel.assertQueue(name, { durable: true, arguments: args });
      await channel.bindQueue(name, name, '');
    });
  } catch (error) {
    if (differenceIn(error) === undefined) throw unavailable(error);
    throw new LogRefusedError(
      `the queue ${name} is not a quorum queue with a single active consumer: delete it, or set another \`prefix\``,
      { cause: error },
    );
  }
}

async function declareQueue(
  connection: Connection,
  name: string,
  window: number,
  use: (channel: Channel) => Promise<void>,
): Promise<void> {
  const wanted: Arguments = {
    'x-queue-type': 'stream',
    // What was just published has to outlive the window, and a pod that starts then reads further back.
    'x-max-age': `${Math.ceil((2 * window) / 1_000)}s`,
    'x-stream-max-segment-size-bytes': SEGMENT,
    'x-queue-leader-locator': 'balanced',
  };
  for (;;) {
    try {
      await onChannel(connection, async (channel) => {
        await channel.assertQueue(name, { durable: true, arguments: { ...wanted } });
        await use(channel);
      });
      return;
    } catch (error) {
      const difference = differenceIn(error);
      if (difference === undefined) throw unavailable(error);
      const { argument, current } = difference;
      const problem = problemOf(name, difference, window);
      // The same difference again would be one for ever.
      if (problem !== undefined || wanted[argument] === current) {
        throw new LogRefusedError(problem ?? messageOf(error), { cause: error });
      }
      wanted[argument] = current !== undefined && /^\d+$/.test(current) ? Number(current) : current;
    }
  }
}

/** Runs calls on a channel of their own: one that the server refuses closes it. */
async function onChannel<T>(connection: Connection, use: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await connection.channel();
  const result = await use(channel);
  await channel.close();
  return result;
}

/** The server reports the first argument that differs, and no other one. */
function differenceIn(error: unknown): Difference | undefined {
  if (codeOf(error) !== ReplyCode.preconditionFailed) return undefined;
  const [, argument, current] =
    /inequivalent arg '([^']+)'.* but current is (?:none|(?:the value )?'([^']*)')/.exec(messageOf(error)) ?? [];
  return argument === undefined ? undefined : { argument, current };
}

/** Why a queue with this difference cannot be used; undefined if it can. */
function problemOf(name: string, { argument, current }: Difference, window: number): string | undefined {
  if (FREE.has(argument)) return undefined;
  if (argument === 'x-max-age') {
    if (current === undefined || ageOf(current) >= 2 * window) return undefined;
    return `the queue ${name} keeps entries for ${current} only: expected twice the window, ${(2 * window) / 1_000} s. Delete it while no pod runs, or reduce \`window\``;
  }
  if (argument === 'x-max-length-bytes') {
    return `the queue ${name} has x-max-length-bytes=${current}, which may delete entries that are needed: delete it while no pod runs`;
  }
  const difference = `${argument}=${current ?? 'none'}`;
  return `the queue ${name} exists and is not a stream of Holdfast (${difference}): delete it, or set another \`prefix\``;
}

function ageOf(text: string): number {
  const [, count, unit = ''] = /^(\d+)([YMDhms])$/.exec(text) ?? [];
  return Number(count ?? 0) * (UNITS[unit] ?? 0);
}
