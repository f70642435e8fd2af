import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../load/client.ts';
import { availableTokens } from '../load/tokens.ts';
import { freePort } from './free-port.ts';
import { repositoryPath } from './paths.ts';
import type { Server, StartOptions } from './server.ts';
import { cpuTime, residentMemory } from './usage.ts';

/** The servers' core; the load generator has the other one. */
export const SERVER_CORE = 0;

const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 5_000;

/** The time between two signals, of which the second stops a server without waiting for its clients. */
const SIGNAL_APART_MS = 100;

/** The folder for CPU profiles; if it is not set, none are made. */
let profiles: string | undefined;

export function profileInto(folder: string): void {
  profiles = folder;
}

const running = new Set<ChildProcess>();
// Stop all servers, however the benchmark ends.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A server in a separate process, alone on its core. */
export class ServerProcess {
  readonly server: Server;
  readonly port: number;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(server: Server, port: number, child: ChildProcess) {
    this.server = server;
    this.port = port;
    this.#child = child;
    child.stderr?.on('data', (text: Buffer) => (this.#output = (this.#output + text.toString()).slice(-2_000)));
    running.add(child);
    child.on('exit', () => running.delete(child));
  }

  static async start(server: Server, options: Omit<StartOptions, 'port'> = {}): Promise<ServerProcess> {
    const port = await freePort();
    const { command, args, env = {} } = await server.launch({ ...options, port, profiles });
    const child = spawn('taskset', ['--cpu-list', String(SERVER_CORE), command, ...args], {
      cwd: repositoryPath('.'),
      // Pass only PATH, because a HOLDFAST_ variable would influence the measurement.
      env: { PATH: process.env['PATH'], NODE_ENV: 'production', PORT: String(port), ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const started = new ServerProcess(server, port, child);
    try {
      await started.#ready();
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  /** The pid of the server, because taskset replaces itself with the program. */
  get pid(): number {
    return this.#child.pid as number;
  }

  /** In µs, since the start. */
  get cpuTime(): number {
    return cpuTime(this.pid);
  }

  /** In bytes. */
  get memory(): number {
    return residentMemory(this.pid);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    if (profiles !== undefined) {
      // A profile is only written if the process exits by itself.
      this.#child.kill('SIGTERM');
      await sleep(SIGNAL_APART_MS);
      this.#child.kill('SIGTERM');
      await Promise.race([exited, sleep(STOP_WITHIN_MS)]);
    }
    this.#child.kill('SIGKILL');
    await exited;
  }

  /** It is ready when a client can connect. */
  async #ready(): Promise<void> {
    const [token = ''] = await availableTokens(1);
    const deadline = Date.now() + START_WITHIN_MS;
    let last: unknown;
    while (Date.now() < deadline) {
      if (this.#child.exitCode !== null) break;
      try {
        const client = await Client.open({ port: this.port, dialect: this.server.dialect, token });
        client.close();
        return;
      } catch (error) {
        last = error;
        await sleep(100);
      }
    }
    throw new Error(`${this.server.title} did not start: ${String(last)}\n${this.#output}`);
  }
}
