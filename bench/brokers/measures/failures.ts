import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../load/client.ts';
import { messageData } from '../../load/message.ts';
import { openClient } from '../../load/population.ts';
import { holdfastDialect } from '../../load/dialects/holdfast.ts';
import type { Dialect, Position } from '../../load/dialect.ts';
import { withGateways, type Gateway } from '../gateway.ts';
import type { Figures } from './measure.ts';

const CHANNELS = 16;
const PAUSE_MS = 2;
/** ms in which messages flow before a failure, and after it. */
const FLOW_MS = 2_000;
const BACK_WITHIN_MS = 60_000;

const channelOf = (message: number): string => `room:${message % CHANNELS}`;

/** Counts gaps and refused publishes, instead of failing. */
class Observer {
  gaps = 0;
  refused = 0;
  /** When the last message of each channel arrived, and the longest time without one, as performance.now. */
  readonly last = new Map<number, number>();
  longestPause = 0;
  readonly dialect: Dialect = {
    ...holdfastDialect,
    isError: (text) => {
      if (text.startsWith('{"event":"gap"')) this.gaps += 1;
      else if (text.startsWith('{"event":"error"')) this.refused += 1;
      return false;
    },
  };

  arrived(channel: number): void {
    const now = performance.now();
    this.longestPause = Math.max(this.longestPause, now - (this.last.get(channel) ?? now));
    this.last.set(channel, now);
  }

  /** Whether something has arrived on every channel since. */
  flowsSince(time: number): boolean {
    return this.last.size === CHANNELS && [...this.last.values()].every((last) => last > time);
  }
}

/**
 * What a failure costs: the longest time without a message on any channel of a pod, and whether its subscribers received a gap.
 * About 450 messages per second are published over another pod, and not repeated if they are refused.
 *
 * @param fail resolves when the failure is over; returns the ms for which the server was away, if it was.
 */
export async function failure(url: string, fail: () => Promise<number | void>): Promise<Figures> {
  return withGateways(url, 2, async (subscribed, publishing) => {
    if (subscribed === undefined || publishing === undefined) throw new Error('no gateway');
    const observer = new Observer();
    const clients: Client[] = [];
    const publisher = await openClient(CHANNELS, { port: publishing.port, dialect: observer.dialect });
    let isOver = false;
    try {
      for (let channel = 0; channel < CHANNELS; channel += 1) {
        const { port } = subscribed;
        const onMessages = (): void => observer.arrived(channel);
        const client = await openClient(channel, { port, dialect: observer.dialect, onMessages });
        clients.push(client);
        await client.subscribe(channelOf(channel));
      }
      const publishes = publishUntil(publisher, () => isOver);
      await flows(observer);
      await sleep(FLOW_MS);
      observer.longestPause = 0;
      const [gaps, refused] = [observer.gaps, observer.refused];
      const away = await fail();
      await flows(observer);
      await sleep(FLOW_MS);
      isOver = true;
      await publishes;
      for (const { failure: reason } of [...clients, publisher]) if (reason !== undefined) throw new Error(reason);
      return {
        pause: observer.longestPause,
        away: away ?? undefined,
        gap: observer.gaps > gaps ? 1 : 0,
        refused: observer.refused - refused,
      };
    } finally {
      isOver = true;
      for (const client of [...clients, publisher]) client.close();
    }
  });
}

/** All pods are killed and started again: how long that takes, and whether a client's position has survived. */
export async function allPodsGone(url: string): Promise<Figures> {
  const channel = channelOf(0);
  const position = await withGateways(url, 2, async (gateway) => {
    const client = await clientOf(gateway);
    for (let message = 0; message < CHANNELS; message += 1) client.publish(channel, messageData(message));
    await sleep(FLOW_MS);
    const reply = await clientOf(gateway).then(async (other) => other.subscribe(channel));
    return positionOf(reply);
  });
  const began = performance.now();
  return withGateways(url, 2, async (gateway) => {
    const pause = performance.now() - began;
    const reply = await (await clientOf(gateway)).subscribe(channel, position);
    return { pause, gap: reply.includes('"recovered":true') ? 0 : 1 };
  });
}

async function clientOf(gateway: Gateway | undefined): Promise<Client> {
  if (gateway === undefined) throw new Error('no gateway');
  const dialect: Dialect = { ...holdfastDialect, isError: () => false };
  return openClient(0, { port: gateway.port, dialect });
}

function positionOf(reply: string): Position {
  const position = holdfastDialect.position?.(reply);
  if (position === undefined) throw new Error('no position');
  return position;
}

async function publishUntil(publisher: Client, isOver: () => boolean): Promise<void> {
  for (let message = 0; !isOver(); message += 1) {
    publisher.publish(channelOf(message), messageData(message));
    await sleep(PAUSE_MS);
  }
}

/** Resolves when messages that arrive from now on have arrived on every channel. */
async function flows(observer: Observer): Promise<void> {
  const began = performance.now();
  while (!observer.flowsSince(began)) {
    if (performance.now() > began + BACK_WITHIN_MS) throw new Error('messages do not flow again');
    await sleep(PAUSE_MS);
  }
}
