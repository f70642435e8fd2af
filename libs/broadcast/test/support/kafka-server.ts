import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Admin } from '@platformatic/kafka';
import { eventually } from '../../src/testing/eventually.js';
import { systemProgram } from '../../../../apps/gateway/test/support/system-package.js';
import { freePort } from './free-port.js';
import { hang, resume } from './hang.js';
import { SilentProxy } from './silent-proxy.js';

const SCRIPT = fileURLToPath(new URL('servers/kafka.sh', import.meta.url));

/** The first run installs the server, which takes minutes: here no test's timeout counts. */
function install(): void {
  const packages = ['openjdk-17-jre-headless', 'maven'];
  systemProgram('/usr/bin/java', packages);
  systemProgram('/usr/bin/mvn', packages);
  execFileSync('bash', [SCRIPT], { stdio: 'pipe' });
}
install();

/** Kills a server if this process ends without doing so: then its standard input ends. */
const WATCH = 'read -r _; kill -9 "$1"; rm -rf "$2"';

const MAX_ATTEMPTS = 3;
/** ms for a start on a machine that is busy. */
const START_TIMEOUT = 60_000;

type Parameters = Readonly<Record<string, string>>;

export function kafkaUrl(address: string, topic: string, parameters: Parameters = {}): string {
  return `kafka://${address}/${topic}?${new URLSearchParams(parameters).toString()}`;
}

export interface KafkaOptions {
  /** More lines of its configuration. */
  readonly lines?: readonly string[];
  readonly port?: number;
  readonly controllerPort?: number;
  readonly nodeId?: number;
  /** The controllers of all nodes of its cluster. */
  readonly voters?: string;
}

/** One Kafka node on 127.0.0.1, with a directory of its own. */
export class KafkaServer {
  #process: ChildProcess | undefined;
  #watcher: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    readonly directory: string,
    private readonly options: KafkaOptions & { readonly controllerPort: number },
  ) {}

  static async start(options: KafkaOptions = {}): Promise<KafkaServer> {
    for (let attempts = 1; ; attempts += 1) {
      const port = options.port ?? (await freePort());
      const controllerPort = options.controllerPort ?? (await freePort());
      const directory = await mkdtemp(join(tmpdir(), 'holdfast-kafka-'));
      const server = new KafkaServer(port, directory, { ...options, controllerPort });
      try {
        await server.run();
        return server;
      } catch (error) {
        await server.close();
        // Another process may have taken the port.
        if (attempts === MAX_ATTEMPTS || options.port !== undefined) throw error;
      }
    }
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('not running');
    return pid;
  }

  /** The URL of a topic. */
  url(topic: string, parameters: Parameters = {}): string {
    return kafkaUrl(this.address, topic, parameters);
  }

  /** The directory with a partition's log. */
  log(topic: string, partition: number): string {
    return join(this.directory, 'logs', `${topic}-${partition}`);
  }

  /** Starts the process, or restarts it. */
  async run(): Promise<void> {
    const { controllerPort, nodeId = 1, voters, lines = [] } = this.options;
    const cluster = voters === undefined ? [] : [`${nodeId}`, voters];
    const log = await open(join(this.directory, 'log'), 'a');
    const started = spawn('bash', [SCRIPT, `${this.port}`, `${controllerPort}`, this.directory, ...cluster], {
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, KAFKA_LINES: lines.join('\n') },
    });
    this.#process = started;
    await once(started, 'spawn');
    await log.close();
    // Detached: a signal that ends this process may be sent to its whole group.
    this.#watcher = spawn('sh', ['-c', WATCH, 'watch', `${started.pid}`, this.directory], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    await eventually(async () => {
      if (started.exitCode !== null) return;
      const socket = connect(this.port, '127.0.0.1');
      await once(socket, 'connect').finally(() => socket.destroy());
    }, START_TIMEOUT);
    if (started.exitCode !== null) {
      throw new Error(`Kafka ended: ${await readFile(join(this.directory, 'log'), 'utf8')}`);
    }
  }

  /** Does something as an operator. */
  async manage<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [this.address], retries: 10, retryDelay: 200 });
    try {
      return await work(admin);
    } finally {
      await admin.close();
    }
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
    await rm(join(this.directory, 'logs'), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A node that clients reach through a proxy: it is the address that the node announces to them. */
export class KafkaBehindProxy {
  private constructor(
    readonly server: KafkaServer,
    readonly proxy: SilentProxy,
  ) {}

  static async start(): Promise<KafkaBehindProxy> {
    const [port, controllerPort, proxied] = [await freePort(), await freePort(), await freePort()];
    const proxy = await SilentProxy.start(proxied);
    const lines = [
      `listeners=PLAINTEXT://127.0.0.1:${port},PROXIED://127.0.0.1:${proxied},CONTROLLER://127.0.0.1:${controllerPort}`,
      `advertised.listeners=PLAINTEXT://127.0.0.1:${port},PROXIED://127.0.0.1:${new URL(proxy.url).port}`,
      'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
    ];
    return new KafkaBehindProxy(await KafkaServer.start({ port, controllerPort, lines }), proxy);
  }

  /** The URL of a topic through the proxy. */
  url(topic: string, parameters: Parameters = {}): string {
    return kafkaUrl(`127.0.0.1:${new URL(this.proxy.url).port}`, topic, parameters);
  }

  async close(): Promise<void> {
    await this.proxy.close();
    await this.server.close();
  }
}
