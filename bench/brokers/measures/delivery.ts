import { setTimeout as sleep } from 'node:timers/promises';
import { Deliveries, type DeliveryLoad } from '../../cases/delivery.ts';
import type { Client } from '../../load/client.ts';
import { Meter } from '../../load/meter.ts';
import { pace } from '../../load/pace.ts';
import { messageData } from '../../load/message.ts';
import { openClient } from '../../load/population.ts';
import { LOAD_CORE, pinTo } from '../../servers/pin.ts';
import type { ServerProcess } from '../../servers/process.ts';
import { coreTime } from '../../servers/usage.ts';
import { withGateways, type Gateway } from '../gateway.ts';
import type { Figures, Scale } from './measure.ts';

const CHANNELS = 50;
const PER_SECOND = 1_000;
/** Messages in flight when it is saturated. */
const WINDOW = 1_000;
const FOLDED_PER_SECOND = 5_000;
const OFFSET = Buffer.from('"offset":');

const channelOf = (message: number): string => `room:${message % CHANNELS}`;

/** One subscriber per channel. */
const SPREAD: DeliveryLoad = {
  subscribers: CHANNELS,
  channelsOf: (client) => [channelOf(client)],
  channelOf,
  rate: PER_SECOND,
};

/** Messages of a channel wait for each other: with as many channels as messages in flight, none does. */
const busyChannelOf = (message: number): string => `room:${message % WINDOW}`;

/** Latency from one pod to another at 1,000 messages per second, and the CPU time of both. @param pods 1 if they share nothing. */
export async function latency(url: string, pods: 1 | 2, { seconds, warmUp }: Scale): Promise<Figures> {
  return withGateways(url, pods, async (...gateways) => {
    const [at, publisherAt = at] = gateways.map(({ process }) => process);
    if (at === undefined) throw new Error('no gateway');
    const deliveries = new Deliveries(SPREAD, at, publisherAt);
    try {
      await deliveries.open();
      await deliveries.run(warmUp);
      const [others, own] = [coreTime(LOAD_CORE), process.cpuUsage()];
      const { values } = await deliveries.measure(seconds);
      const { user, system } = process.cpuUsage(own);
      const server = (coreTime(LOAD_CORE) - others - user - system) / (PER_SECOND * seconds);
      return { p50: values['p50'], p99: values['p99'], cpu: values['cpu'], server: pods === 1 ? undefined : server };
    } finally {
      deliveries.close();
    }
  });
}

/** Publishes per second of one pod, alone on its core, without subscribers. */
export async function saturation(url: string, { seconds, warmUp }: Scale): Promise<Figures> {
  return withGateways(url, 1, async (gateway) => {
    const { process: at } = atOf(gateway);
    const publisher = await Publisher.open(at);
    try {
      await publisher.saturate(warmUp);
      const meter = new Meter(at);
      const { messages, passed } = await publisher.saturate(seconds);
      const { cpu, conditions } = meter.stop();
      return {
        saturated: messages / passed,
        saturatedPerCore: messages / (cpu / 1e6),
        share: conditions.server * 100,
      };
    } finally {
      publisher.close();
    }
  });
}

/**
 * The CPU time of a pod without clients for each message that another pod publishes, and that of the other pod: at 5,000 messages per
 * second, which come one by one, and for as many as the other pod can publish.
 */
export async function folding(url: string, { seconds, warmUp }: Scale): Promise<Figures> {
  return withGateways(url, 2, async (publishing, idle) => {
    const [at, other] = [atOf(publishing).process, atOf(idle).process];
    const publisher = await Publisher.open(at);
    const send = (count: number): void => publisher.publish(count);
    try {
      await pace(FOLDED_PER_SECOND, warmUp, send);
      const [publishMeter, foldMeter] = [new Meter(at), new Meter(other)];
      const messages = await pace(FOLDED_PER_SECOND, seconds, send);
      const [published, folded] = [publishMeter.stop(), foldMeter.stop()];
      // The publishing pod keeps its core to itself.
      pinTo([LOAD_CORE], other.pid);
      await publisher.saturate(warmUp);
      const busyMeter = new Meter(other);
      const busy = await publisher.saturate(seconds);
      return {
        cpuPerPublish: published.cpu / messages,
        cpuPerFold: folded.cpu / messages,
        cpuPerBusyFold: busyMeter.stop().cpu / busy.messages,
      };
    } finally {
      publisher.close();
    }
  });
}

/** The publisher gets no messages: what it counts are the replies with an offset. */
function countReplies(data: Buffer, start: number, end: number): number {
  const found = data.indexOf(OFFSET, start);
  return found !== -1 && found < end ? 1 : 0;
}

/** A client that counts the answers to what it publishes. */
class Publisher {
  #sent = 0;
  private readonly client: Client;

  private constructor(client: Client) {
    this.client = client;
  }

  static async open({ port, server }: ServerProcess): Promise<Publisher> {
    return new Publisher(await openClient(0, { port, dialect: { ...server.dialect, messages: countReplies } }));
  }

  publish(count: number): void {
    this.client.cork();
    for (let sent = 0; sent < count; sent += 1) {
      this.client.publish(busyChannelOf(this.#sent), messageData(this.#sent));
      this.#sent += 1;
    }
    this.client.uncork();
  }

  /** Keeps a number of messages in flight. @returns how many were stored, and the time, in s. */
  async saturate(seconds: number): Promise<{ messages: number; passed: number }> {
    const [before, begin] = [this.client.messages, performance.now()];
    while (performance.now() < begin + seconds * 1000) {
      this.publish(WINDOW - (this.#sent - this.client.messages));
      await sleep(1);
      if (this.client.failure !== undefined) throw new Error(this.client.failure);
    }
    const [messages, passed] = [this.client.messages - before, (performance.now() - begin) / 1000];
    await this.client.received(this.#sent);
    return { messages, passed };
  }

  close(): void {
    this.client.close();
  }
}

function atOf(gateway: Gateway | undefined): Gateway {
  if (gateway === undefined) throw new Error('no gateway');
  return gateway;
}
