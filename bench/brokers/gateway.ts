import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { API_KEY } from '../load/tokens.ts';
import { freePort } from '../servers/free-port.ts';
import { CONFIG, holdfast } from '../servers/holdfast/server.ts';
import { CACHE, repositoryPath } from '../servers/paths.ts';
import { ServerProcess } from '../servers/process.ts';
import type { Server } from '../servers/server.ts';
import type { Report } from './probe.ts';

const PROBE = repositoryPath('bench/brokers/probe.ts');
const READY_WITHIN_MS = 60_000;
const POLL_MS = 20;

/** One publisher of the benchmark acts for many. */
const CONCURRENCY = 1_024;

/** The namespace of channels without history. */
export const WITHOUT_HISTORY = 'bare';

/** A gateway process with the probe in it. */
export class Gateway {
  private readonly probe: number;
  readonly process: ServerProcess;
  /** ms from the start of the process until it was ready. */
  readonly readyAfter: number;

  private constructor(process: ServerProcess, probe: number, readyAfter: number) {
    this.process = process;
    this.probe = probe;
    this.readyAfter = readyAfter;
  }

  static async start(broker: string): Promise<Gateway> {
    const probe = await freePort();
    const began = performance.now();
    const started = await ServerProcess.start(probed(probe), { broker });
    try {
      await ready(started.port);
      return new Gateway(started, probe, performance.now() - began);
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  get port(): number {
    return this.process.port;
  }

  /** The longest step of the event loop since the last call, and the number of snapshots. */
  async report(): Promise<Report> {
    return this.#ask('');
  }

  /** Bytes of its heap after a garbage collection. */
  async heap(): Promise<number> {
    return (await this.#ask('?collect')).heap;
  }

  /** Publishes one message to each of these channels, over the HTTP API. */
  async publish(channels: readonly string[], data: string): Promise<void> {
    const { batch } = holdfast.api ?? {};
    if (batch === undefined) throw new Error('the gateway has no API');
    const response = await fetch(`http://127.0.0.1:${this.port}${batch.path}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' },
      body: batch.body(
        channels,
        channels.map(() => data),
      ),
    });
    const text = await response.text();
    if (!response.ok || text.includes('"code"')) throw new Error(`the publish failed: ${text.slice(0, 200)}`);
  }

  async stop(): Promise<void> {
    await this.process.stop();
  }

  async #ask(query: string): Promise<Report> {
    return (await (await fetch(`http://127.0.0.1:${this.probe}/${query}`)).json()) as Report;
  }
}

/** Starts several gateways, and stops them after the task. */
export async function withGateways<T>(
  broker: string,
  count: number,
  task: (...gateways: readonly Gateway[]) => Promise<T>,
): Promise<T> {
  const gateways: Gateway[] = [];
  try {
    while (gateways.length < count) gateways.push(await Gateway.start(broker));
    return await task(...gateways);
  } finally {
    for (const gateway of gateways) await gateway.stop();
  }
}

/** Holdfast as it is compared with its peers, and the probe. */
function probed(probe: number): Server {
  return {
    ...holdfast,
    async launch(options) {
      const { command, args, env } = await holdfast.launch(options);
      await mkdir(CACHE, { recursive: true });
      const file = `${CACHE}/brokers.json`;
      const namespaces = { [WITHOUT_HISTORY]: { history: { size: 0 } } };
      await writeFile(file, JSON.stringify({ ...CONFIG, connection: { concurrency: CONCURRENCY }, namespaces }));
      return {
        command,
        args: ['--expose-gc', '--import', PROBE, ...args],
        env: { ...env, HOLDFAST_CONFIG: file, BENCH_PROBE_PORT: String(probe) },
      };
    },
  };
}

/** Resolves when a gateway is ready. */
export async function ready(port: number): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  let reason = 'no answer';
  while (performance.now() < deadline) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/health/ready`);
      reason = await response.text();
      if (response.ok) return;
    } catch (error) {
      reason = String(error);
    }
    await sleep(POLL_MS);
  }
  throw new Error(`the gateway was not ready within ${READY_WITHIN_MS / 1000} s: ${reason}`);
}
