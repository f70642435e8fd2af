import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { eventually, type RedisServer } from '../../../../libs/broadcast/test/support/redis-servers.js';
import { startRedis } from './support/redis.js';
import { configFile, startPods, type PodProcess } from '../support/pod-process.js';

const CHANNEL = 'chat:lobby';
const CLIENTS = 5_000;
/** How many clients are opened at a time. */
const BATCH = 500;
/** Messages of which clients missed some, and messages published meanwhile. */
const MESSAGES = 50;
const LIVE = 20;
/** The maximum number of reads of Redis for 5,000 resumes, and the number of commands per read. */
const MAX_READS = 5;
const COMMANDS_PER_READ = 2;

/** A client that returns with a position. */
class Returning {
  readonly offsets: number[] = [];
  reply: Received['data'] | undefined;
  private readonly webSocket: WebSocket;

  constructor(
    { webSocketUrl }: PodProcess,
    readonly since: { epoch: string; offset: number },
  ) {
    this.webSocket = new WebSocket(webSocketUrl, { perMessageDeflate: false });
    this.webSocket.on('message', (data: Buffer) => this.receive(JSON.parse(data.toString()) as Received));
    onTestFinished(() => this.webSocket.terminate());
  }

  async connected(): Promise<void> {
    await once(this.webSocket, 'open');
  }

  resume(): void {
    this.webSocket.send(JSON.stringify({ event: 'subscribe', id: 1, data: { channel: CHANNEL, since: this.since } }));
  }

  get isBack(): boolean {
    return this.offsets.length === MESSAGES + LIVE - this.since.offset;
  }

  private receive({ event, data }: Received): void {
    if (event === 'reply') this.reply = data;
    else if (event === 'message') this.offsets.push(data['offset'] as number);
  }
}

interface Received {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** The number of calls of each command since Redis started. */
async function commandCounts({ admin }: RedisServer): Promise<Map<string, number>> {
  const info = await admin.info('commandstats');
  return new Map(
    Array.from(info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm), ([, name, calls]) => [name ?? '', Number(calls)]),
  );
}

describe('a resume storm', () => {
  it('promise 3: 5,000 clients resume a channel that their pod publishes to with a handful of reads of Redis', async ({
    annotate,
  }) => {
    const redis = await startRedis();
    // Members are written one by one, and are not measured here.
    const HOLDFAST_CONFIG = await configFile({
      namespaceDefaults: { presence: false, history: { size: 1_000 } },
      // The rate of connects is not measured here either.
      limits: { connectionRate: { perPod: { burst: 2 * CLIENTS } } },
      overload: { maxEventLoopDelay: 60 },
    });
    const [before, after] = await startPods(redis.url, ['before', 'after'], { HOLDFAST_CONFIG });
    const { epoch } = (await before.api('publish', { channel: CHANNEL, data: 1 })).body as { epoch: string };
    for (let n = 2; n <= MESSAGES; n += 1) await before.api('publish', { channel: CHANNEL, data: n });

    const clients: Returning[] = [];
    while (clients.length < CLIENTS) {
      const batch = Array.from(
        { length: BATCH },
        (_, index) => new Returning(after, { epoch, offset: index % MESSAGES }),
      );
      await Promise.all(batch.map((client) => client.connected()));
      clients.push(...batch);
    }
    const asked = await commandCounts(redis);
    const begun = performance.now();
    for (const client of clients) client.resume();
    await Promise.all(
      [before, after].map(async (pod) => {
        for (let n = 1; n <= LIVE / 2; n += 1) await pod.api('publish', { channel: CHANNEL, data: n });
      }),
    );
    await eventually(() => expect(clients.filter((client) => client.isBack).length).toBe(CLIENTS), 30_000);
    const took = performance.now() - begun;
    const counts = await commandCounts(redis);

    for (const { since, reply, offsets } of clients) {
      expect(reply).toMatchObject({ recovered: true, epoch });
      expect(offsets).toEqual(offsets.map((_, index) => since.offset + 1 + index));
    }
    const delta = (command: string): number => (counts.get(command) ?? 0) - (asked.get(command) ?? 0);
    const reads = delta('xrange') + delta('xrevrange');
    // Publishing, the pods' leases and reads of the position are scripts as well.
    const scripts = delta('evalsha') - LIVE;
    await annotate(`${CLIENTS} resumes in ${Math.round(took)} ms, ${reads} reads and ${scripts} scripts of Redis`);
    expect(reads).toBeLessThanOrEqual(MAX_READS * COMMANDS_PER_READ);
    expect(scripts).toBeLessThanOrEqual(CLIENTS / 100);
  });
});
