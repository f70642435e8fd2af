import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect as connectToNats } from '@nats-io/transport-node';
import { eventually } from '../../src/testing/eventually.js';
import { freePort } from './free-port.js';
import { hang, resume } from './processes.js';

/** The path of nats-server. The first run installs it, which takes minutes: here no test's timeout counts. */
const PROGRAM = execFileSync(fileURLToPath(new URL('servers/nats.sh', import.meta.url)), { encoding: 'utf8' }).trim();

/** Kills a server if this process ends without doing so: then its standard input ends. */
const WATCH = 'read -r _; kill -9 "$1"';

const MAX_ATTEMPTS = 5;

export interface NatsOptions {
  /** https://docs.nats.io/running-a-nats-service/configuration */
  readonly configuration?: string;
  readonly port?: number;
  readonly hasJetStream?: boolean;
}

/** One nats-server process on 127.0.0.1, with a directory of its own. */
export class NatsServer {
  #process: ChildProcess | undefined;
  #watcher: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    readonly directory: string,
    private readonly hasJetStream: boolean,
  ) {}

  static async start({ configuration = '', port, hasJetStream = true }: NatsOptions = {}): Promise<NatsServer> {
    for (let attempts = 1; ; attempts += 1) {
      const directory = await mkdtemp(join(tmpdir(), 'holdfast-nats-'));
      const server = new NatsServer(port ?? (await freePort()), directory, hasJetStream);
      try {
        await server.configure(configuration);
        await server.run();
        return server;
      } catch (error) {
        await server.close();
        // Another process may have taken the port.
        if (attempts === MAX_ATTEMPTS || port !== undefined) throw error;
      }
    }
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `nats://${this.address}`;
  }

  get store(): string {
    return join(this.directory, 'store');
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('not running');
    return pid;
  }

  /** Replaces the configuration. A server that runs reads it when it receives SIGHUP. */
  async configure(configuration: string): Promise<void> {
    const jetStream = this.hasJetStream ? `jetstream { store_dir: "${this.store}" }` : '';
    await writeFile(
      join(this.directory, 'nats.conf'),
      [`listen: ${this.address}`, jetStream, configuration, ''].join('\n'),
    );
  }

  /** Starts the process, or restarts it. */
  async run(): Promise<void> {
    const files = ['-c', join(this.directory, 'nats.conf'), '-l', join(this.directory, 'log')];
    const started = spawn(PROGRAM, files, { stdio: 'ignore' });
    this.#process = started;
    await once(started, 'spawn');
    // Detached: a signal that ends this process may be sent to its whole group.
    this.#watcher = spawn('sh', ['-c', WATCH, 'watch', `${started.pid}`], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    await eventually(async () => {
      if (started.exitCode !== null) return;
      const socket = connect(this.port, '127.0.0.1');
      try {
        await once(socket, 'data');
      } finally {
        socket.destroy();
      }
    });
    if (started.exitCode !== null) throw new Error(`nats-server ended: ${await this.#output(files)}`);
  }

  /** What a server that cannot start says about its configuration. */
  async #output(files: readonly string[]): Promise<string> {
    const { stderr } = spawnSync(PROGRAM, ['-t', ...files], { encoding: 'utf8' });
    return `${stderr} ${await readFile(join(this.directory, 'log'), 'utf8').catch(() => '')}`;
  }

  /** Does something on a connection of the test itself, to a server without authentication. */
  async manage<T>(work: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    const connection = await connectToNats({ servers: this.address });
    try {
      return await work(await jetstreamManager(connection, { checkAPI: false }));
    } finally {
      await connection.close();
    }
  }

  /** Publishes a message like a backend, without an acknowledgement. */
  async publish(subject: string, data: string): Promise<void> {
    const connection = await connectToNats({ servers: this.address });
    try {
      connection.publish(subject, data);
      await connection.flush();
    } finally {
      await connection.close();
    }
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  async hang(): Promise<void> {
    await hang(this.pid);
  }

  /** Ends {@link hang}. */
  resume(): void {
    resume(this.pid);
  }

  /** Sends SIGKILL by default. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    this.#watcher?.kill();
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill(signal);
    // A stopped process has to continue first.
    if (signal === 'SIGKILL') running.kill('SIGCONT');
    await ended;
  }

  /** Removes the data of a server that does not run. */
  async removeData(): Promise<void> {
    await rm(this.store, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Three servers. */
export class NatsCluster {
  private constructor(readonly servers: readonly NatsServer[]) {}

  static async start(): Promise<NatsCluster> {
    const [ports, routes] = [await freePorts(), await freePorts()];
    const urls = routes.map((port) => `nats://127.0.0.1:${port}`).join(', ');
    const servers = await Promise.all(
      ports.map(async (port, index) => {
        const cluster = `cluster { name: test, listen: 127.0.0.1:${routes[index]}, routes: [${urls}] }`;
        return NatsServer.start({ configuration: `server_name: n${index}\n${cluster}`, port });
      }),
    );
    return new NatsCluster(servers);
  }

  get url(): string {
    return `nats://${this.servers.map(({ address }) => address).join(',')}`;
  }

  /** The server that leads a stream. */
  async leaderOf(stream: string): Promise<NatsServer> {
    return eventually(async () => {
      for (const server of this.servers) {
        const { cluster } = await server.manage(async ({ streams }) => streams.info(stream));
        const leader = this.servers[Number(cluster?.leader?.slice(1))];
        if (leader !== undefined) return leader;
      }
      throw new Error('no leader');
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map(async (server) => server.close()));
  }
}

async function freePorts(): Promise<number[]> {
  return [await freePort(), await freePort(), await freePort()];
}
