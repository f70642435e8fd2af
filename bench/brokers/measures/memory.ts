import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../load/client.ts';
import { messageData } from '../../load/message.ts';
import { pace } from '../../load/pace.ts';
import { inParallel, openClient, populate } from '../../load/population.ts';
import { Gateway, WITHOUT_HISTORY, withGateways } from '../gateway.ts';
import { roomOf } from '../../cases/rooms.ts';
import type { Figures, Scale } from './measure.ts';

/** Channels of one request to the API. */
const BATCH = 100;
const REQUESTS_AT_ONCE = 4;
const SETTLE_MS = 1_000;
const PER_SECOND = 1_000;
/** Longer than what a pod lets pass before the first snapshot of a partition: its interval and a round of the keeper. */
const SNAPSHOT_WITHIN_S = 14;
/** A pod that starts may take longer than it should. */
const START_WITHIN_S = 40;

/** Bytes of a connection with one subscription on the heap of its own pod, and of each other pod. */
export async function connections(url: string, pods: 1 | 2, scale: Scale): Promise<Figures> {
  return withGateways(url, pods, async (own, other) => {
    if (own === undefined) throw new Error('no gateway');
    const clients: Client[] = [];
    const open = async (size: number, from: number): Promise<void> => {
      const { server, port } = own.process;
      clients.push(...(await populate({ port, dialect: server.dialect, size, from, channelsOf: roomOf })));
    };
    try {
      // Pools and code that the first connections need.
      await open(BATCH, 0);
      const [here, elsewhere] = [await own.heap(), await other?.heap()];
      await open(scale.connections, BATCH);
      await sleep(SETTLE_MS);
      const connection = ((await own.heap()) - here) / scale.connections;
      if (other === undefined || elsewhere === undefined) return { connection };
      return { connection, connectionElsewhere: ((await other.heap()) - elsewhere) / scale.connections };
    } finally {
      for (const client of clients) client.close();
    }
  });
}

/**
 * Many channels, of which each has had one message that is not kept: bytes of a channel on a pod, the longest step of the event loop
 * while snapshots of them are written, and how long a pod takes to start beside them.
 */
export async function channels(url: string, pods: 1 | 2, scale: Scale): Promise<Figures> {
  return withGateways(url, pods, async (publishing, other = publishing) => {
    if (publishing === undefined || other === undefined) throw new Error('no gateway');
    const before = await other.heap();
    const batches = Math.ceil(scale.channels / BATCH);
    await inParallel(
      batches,
      async (batch) => {
        const names = Array.from({ length: BATCH }, (_, index) => `${WITHOUT_HISTORY}:${batch * BATCH + index}`);
        await publishing.publish(names, '1');
      },
      REQUESTS_AT_ONCE,
    );
    await sleep(SETTLE_MS);
    const channel = ((await other.heap()) - before) / scale.channels;
    if (pods === 1) return { channel };

    const publisher = await openClient(0, { port: publishing.port, dialect: publishing.process.server.dialect });
    let number = 0;
    let isOver = false;
    const publish = (count: number): void => {
      if (isOver) return;
      publisher.cork();
      for (let sent = 0; sent < count; sent += 1) {
        publisher.publish(`room:${number % BATCH}`, messageData(number));
        number += 1;
      }
      publisher.uncork();
    };
    const pair = [publishing, other];
    try {
      const written = (await Promise.all(pair.map(async (gateway) => gateway.report()))).map(
        ({ snapshots }) => snapshots,
      );
      await pace(PER_SECOND, SNAPSHOT_WITHIN_S, publish);
      const reports = await Promise.all(pair.map(async (gateway) => gateway.report()));
      const snapshots = reports.reduce((sum, report, index) => sum + report.snapshots - (written[index] ?? 0), 0);
      const snapshotStep = Math.max(...reports.map(({ longestStep }) => longestStep));
      const collection = Math.max(...reports.map(({ longestCollection }) => longestCollection));
      const load = pace(PER_SECOND, START_WITHIN_S, publish);
      const third = await Gateway.start(url);
      const { longestStep: startStep } = await third.report();
      isOver = true;
      await load;
      await third.stop();
      if (publisher.failure !== undefined) throw new Error(publisher.failure);
      return {
        channel,
        snapshotStep: snapshots > 0 ? snapshotStep : undefined,
        quietStep: snapshots > 0 ? undefined : snapshotStep,
        collection,
        start: third.readyAfter,
        startStep,
      };
    } finally {
      publisher.close();
    }
  });
}
