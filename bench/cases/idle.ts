import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../load/client.ts';
import { Meter } from '../load/meter.ts';
import { populate } from '../load/population.ts';
import { ServerProcess } from '../servers/process.ts';
import { loopbackPackets } from '../servers/usage.ts';
import type { Case, Sample } from './case.ts';
import { roomOf } from './rooms.ts';

const CONNECTIONS = 10_000;
const QUICK_CONNECTIONS = 2_000;

/** In ms. In a full run every server pings every client at least twice in this time. */
const MEASURED = { full: 60_000, quick: 10_000 };
const SETTLE = { full: 20_000, quick: 5_000 };

/** The ping intervals of the client library in ms: in Node and hidden pages, and in visible pages. */
const LIBRARY_PINGS = { hidden: 8_000, visible: 4_800 };

/** Pings are sent in batches that cover this many ms. */
const PING_TURN_MS = 5;

export const idle: Case = {
  name: 'idle',
  title: 'idle connections: cost of detecting dead ones, per 10,000',
  servers: ['holdfast', 'socket.io', 'centrifuge'],
  metrics: [
    { key: 'cpu', title: 'CPU, clients that answer pings', unit: 'ms/min' },
    { key: 'packets', title: 'packets', unit: '/s' },
    { key: 'cpuHidden', title: 'CPU, client library, hidden page', unit: 'ms/min' },
    { key: 'packetsHidden', title: 'packets', unit: '/s' },
    { key: 'cpuVisible', title: 'CPU, client library, visible page', unit: 'ms/min' },
    { key: 'packetsVisible', title: 'packets', unit: '/s' },
  ],
  targets: [],
  quick: [],
  maxRounds: 2,
  async run(server, { quick }): Promise<Sample> {
    const size = quick ? QUICK_CONNECTIONS : CONNECTIONS;
    const [settle, measured] = quick ? [SETTLE.quick, MEASURED.quick] : [SETTLE.full, MEASURED.full];
    const process = await ServerProcess.start(server);
    const clients: Client[] = [];
    try {
      clients.push(...(await populate({ port: process.port, dialect: server.dialect, size, channelsOf: roomOf })));
      const measure = async (pingEvery?: number): Promise<IdleCost> => {
        const stop = pingEvery === undefined ? undefined : keepPinging(clients, pingEvery);
        try {
          await sleep(settle);
          return await idleCost(process, size, measured);
        } finally {
          stop?.();
        }
      };
      const { cpu, packets } = await measure();
      const values: Record<string, number> = { cpu, packets };
      if (server.dialect.ping !== undefined) {
        ({ cpu: values['cpuHidden'], packets: values['packetsHidden'] } = await measure(LIBRARY_PINGS.hidden));
        ({ cpu: values['cpuVisible'], packets: values['packetsVisible'] } = await measure(LIBRARY_PINGS.visible));
      }
      const failed = clients.find(({ failure }) => failure !== undefined);
      if (failed !== undefined) throw new Error(`a client failed: ${failed.failure}`);
      return { values };
    } finally {
      for (const client of clients) client.close();
      await process.stop();
    }
  },
};

export interface IdleCost {
  /** CPU time in ms per minute, for 10,000 connections. */
  readonly cpu: number;
  /** Packets per second in both directions, for 10,000 connections. */
  readonly packets: number;
}

/** Measures the cost of `size` idle connections for `ms`. Packets are counted on the whole loopback interface. */
export async function idleCost(process: ServerProcess, size: number, ms: number): Promise<IdleCost> {
  const meter = new Meter(process);
  const before = loopbackPackets();
  await sleep(ms);
  const packets = loopbackPackets() - before;
  const { cpu, conditions } = meter.stop();
  const seconds = (conditions.window.to - conditions.window.from) / 1e6;
  const share = CONNECTIONS / size;
  return { cpu: (cpu / 1_000 / seconds) * 60 * share, packets: (packets / seconds) * share };
}

/** Lets each client ping once per `every` ms, one after the other. @returns a function that stops it. */
export function keepPinging(clients: readonly Client[], every: number): () => void {
  const begun = performance.now();
  let pinged = 0;
  const timer = setInterval(() => {
    // Scheduled by the clock, because an interval would drift.
    const due = ((performance.now() - begun) / every) * clients.length;
    for (; pinged < due; pinged += 1) clients[pinged % clients.length]?.ping();
  }, PING_TURN_MS);
  return () => clearInterval(timer);
}
