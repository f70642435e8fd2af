import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { eventually } from '../../src/testing/eventually.js';
import { systemProgram } from '../../../../apps/gateway/test/support/system-package.js';
import type { Certificate } from './certificate.js';
import { freePort } from './free-port.js';
import { hang, resume } from './processes.js';

export { eventually };

const DEBIAN_PACKAGES = ['redis-server', 'redis-sentinel'];

function isOnPath(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the server accepts commands, even if it requires a password or TLS first. */
async function isUp(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('PING\r\n');
    const [answer] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer | boolean];
    if (String(answer).startsWith('-LOADING')) throw new Error('loading');
  } finally {
    socket.destroy();
  }
}

/** Kills a server if this process ends without doing so: then its standard input ends. */
const WATCH = 'read -r _; kill -9 "$1"';

/** The log line of a server, or a sentinel, that has started. */
const STARTED = /Ready to accept connections|\+monitor master/g;

const MAX_ATTEMPTS = 5;

/** Installs Redis' programs if they are not on the PATH. @throws Error that says what to install, if it may not. */
export function installRedis(): void {
  systemProgram('redis-server', DEBIAN_PACKAGES, () => DEBIAN_PACKAGES.every(isOnPath));
}

/** One redis-server or redis-sentinel process on 127.0.0.1, with a directory of its own. */
export class RedisServer {
  #process: ChildProcess | undefined;
  #watcher: ChildProcess | undefined;
  #admin: Redis | undefined;
  #runs = 0;

  private constructor(
    readonly port: number,
    readonly tlsPort: number | undefined,
    readonly directory: string,
    private readonly program: string,
    private readonly configuration: string,
  ) {}

  /** @param certificate for TLS on another port, and for connections to other servers. */
  static async start(
    lines: readonly string[] = [],
    program = 'redis-server',
    certificate?: Certificate,
  ): Promise<RedisServer> {
    installRedis();
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await RedisServer.#start(lines, program, certificate);
      } catch (error) {
        if (attempts === MAX_ATTEMPTS) throw error;
      }
    }
  }

  static async #start(lines: readonly string[], program: string, certificate?: Certificate): Promise<RedisServer> {
    const port = await freePort();
    const tlsPort = certificate && (await freePort());
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
    const configuration = join(directory, 'redis.conf');
    const common = [
      'bind 127.0.0.1',
      `port ${port}`,
      `dir ${directory}`,
      'loglevel notice',
      `logfile ${directory}/log`,
    ];
    const own = program === 'redis-server' ? ['save ""', 'repl-diskless-sync-delay 0'] : [];
    const tls = certificate === undefined ? [] : [...tlsLines(certificate), `tls-port ${tlsPort}`];
    await writeFile(configuration, [...common, ...own, ...tls, ...lines, ''].join('\n'));
    const server = new RedisServer(port, tlsPort, directory, program, configuration);
    try {
      await server.run();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** The port that other servers use. */
  get servicePort(): number {
    return this.tlsPort ?? this.port;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('not running');
    return pid;
  }

  /** A plain connection for the test itself. */
  get admin(): Redis {
    this.#admin ??= this.connect();
    return this.#admin;
  }

  connect(): Redis {
    const client = new Redis({
      port: this.port,
      host: '127.0.0.1',
      retryStrategy: () => 50,
      maxRetriesPerRequest: null,
    });
    client.on('error', () => undefined);
    return client;
  }

  /** Starts the process, or restarts it. */
  async run(): Promise<void> {
    const started = spawn(this.program, [this.configuration], { stdio: 'ignore' });
    this.#process = started;
    await once(started, 'spawn');
    // Detached: a signal that ends this process may be sent to its whole group.
    this.#watcher = spawn('sh', ['-c', WATCH, 'watch', `${started.pid}`], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#runs += 1;
    await eventually(async () => isUp(this.port));
    // Another server may have taken the port.
    await eventually(async () => {
      const log = await readFile(join(this.directory, 'log'), 'utf8');
      if ((log.match(STARTED) ?? []).length < this.#runs) throw new Error('not started');
    }, 3_000);
  }

  /** A field of INFO. */
  async infoText(section: string, field: string): Promise<string> {
    const info = await this.admin.info(section);
    const line = info.split('\r\n').find((text) => text.startsWith(`${field}:`));
    if (line === undefined) throw new Error(`INFO ${section} has no ${field}`);
    return line.slice(field.length + 1);
  }

  async infoNumber(section: string, field: string): Promise<number> {
    return Number(await this.infoText(section, field));
  }

  /** The local ports of connections with this name. */
  async clientPorts(name: string): Promise<number[]> {
    const list = String(await this.admin.call('client', 'list'));
    const lines = list.split('\n').filter((line) => line.includes(` name=${name} `));
    return lines.map((line) => Number(/ laddr=\S+:(\d+)/.exec(line)?.[1]));
  }

  /** The state in /proc: `T` if the process is stopped. */
  async processState(): Promise<string> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return /^State:\s+(\w)/m.exec(status)?.[1] ?? '';
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

  async close(): Promise<void> {
    this.#admin?.disconnect();
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** The servers of a test. */
export interface RedisSetUp {
  /** For `createBroker`. */
  url(parameters?: Readonly<Record<string, string>>): string;
  close(): Promise<void>;
}

/** For Sentinel as well: `tls-replication` is for all outgoing connections except the bus of a cluster. */
function tlsLines({ cert, key }: Certificate): string[] {
  const files = [`tls-cert-file ${cert}`, `tls-key-file ${key}`, `tls-ca-cert-file ${cert}`];
  return [...files, 'tls-auth-clients no', 'tls-replication yes'];
}

function query(parameters: Readonly<Record<string, string>> = {}): string {
  const text = new URLSearchParams(parameters).toString();
  return text === '' ? '' : `?${text}`;
}

export class Standalone implements RedisSetUp {
  private constructor(readonly server: RedisServer) {}

  static async start(lines: readonly string[] = []): Promise<Standalone> {
    return new Standalone(await RedisServer.start(lines));
  }

  url(parameters?: Readonly<Record<string, string>>): string {
    return `${this.server.url}${query(parameters)}`;
  }

  async close(): Promise<void> {
    await this.server.close();
  }
}

function schemeOf(servers: readonly RedisServer[]): string {
  return servers.some(({ tlsPort }) => tlsPort !== undefined) ? 'rediss' : 'redis';
}

function hostsOf(servers: readonly RedisServer[]): string {
  return servers.map(({ servicePort }) => `127.0.0.1:${servicePort}`).join(',');
}

/** A primary, two replicas and three sentinels. */
export class SentinelSetUp implements RedisSetUp {
  private constructor(
    readonly servers: readonly RedisServer[],
    readonly sentinels: readonly RedisServer[],
  ) {}

  static async start(certificate?: Certificate): Promise<SentinelSetUp> {
    const startServer = async (lines?: readonly string[]): Promise<RedisServer> =>
      RedisServer.start(lines, 'redis-server', certificate);
    const primary = await startServer();
    const replica = [`replicaof 127.0.0.1 ${primary.servicePort}`];
    const replicas = await Promise.all([startServer(replica), startServer(replica)]);
    await eventually(async () => {
      const info = await primary.admin.info('replication');
      if ((info.match(/state=online/g) ?? []).length < replicas.length) throw new Error('the replicas are not in sync');
    });
    const watch = [
      `sentinel monitor main 127.0.0.1 ${primary.servicePort} 2`,
      'sentinel down-after-milliseconds main 1000',
      'sentinel failover-timeout main 5000',
      'sentinel parallel-syncs main 2',
    ];
    const sentinels = await Promise.all(
      Array.from({ length: 3 }, async () => RedisServer.start(watch, 'redis-sentinel', certificate)),
    );
    const setUp = new SentinelSetUp([primary, ...replicas], sentinels);
    await eventually(async () => {
      for (const { admin } of sentinels) {
        const [state] = (await admin.call('sentinel', 'masters')) as string[][];
        const field = (name: string): string => state?.[state.indexOf(name) + 1] ?? '';
        if (field('num-slaves') !== '2' || field('num-other-sentinels') !== '2') throw new Error('not complete yet');
      }
    }, 25_000);
    return setUp;
  }

  url(parameters?: Readonly<Record<string, string>>): string {
    return `${schemeOf(this.sentinels)}+sentinel://${hostsOf(this.sentinels)}/main${query(parameters)}`;
  }

  /** The primary, according to the sentinels. */
  async primary(): Promise<RedisServer> {
    return eventually(async () => {
      const answers = await Promise.all(
        this.sentinels.map(async ({ admin }) => admin.call('sentinel', 'get-master-addr-by-name', 'main')),
      );
      const ports = new Set(answers.map((answer) => Number((answer as [string, string])[1])));
      const server = this.servers.find(({ servicePort }) => ports.has(servicePort));
      if (ports.size !== 1 || server === undefined) throw new Error('the sentinels do not agree');
      return server;
    });
  }

  /** Configures the primary in the sentinels, as an operator does after a manual change. */
  async monitor({ port }: RedisServer): Promise<void> {
    for (const { admin } of this.sentinels) {
      await admin.call('sentinel', 'remove', 'main');
      await admin.call('sentinel', 'monitor', 'main', '127.0.0.1', port, 2);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.servers, ...this.sentinels].map(async (server) => server.close()));
  }
}

const SLOTS = 16_384;

/** Three primaries, each with a replica. */
export class ClusterSetUp implements RedisSetUp {
  private constructor(readonly servers: readonly RedisServer[]) {}

  static async start(certificate?: Certificate): Promise<ClusterSetUp> {
    const options = ['cluster-enabled yes', 'cluster-node-timeout 1500', 'cluster-require-full-coverage no'];
    if (certificate !== undefined) options.push('tls-cluster yes');
    const servers = await Promise.all(
      Array.from({ length: 6 }, async () => RedisServer.start(options, 'redis-server', certificate)),
    );
    const [first] = servers;
    if (first === undefined) throw new Error('no server');
    for (const [index, { admin }] of servers.entries()) await admin.call('cluster', 'set-config-epoch', index + 1);
    for (const { servicePort } of servers.slice(1)) {
      await first.admin.call('cluster', 'meet', '127.0.0.1', servicePort);
    }
    const share = Math.ceil(SLOTS / 3);
    for (const [index, { admin }] of servers.slice(0, 3).entries()) {
      const last = Math.min((index + 1) * share, SLOTS) - 1;
      await admin.call('cluster', 'addslotsrange', index * share, last);
    }
    const setUp = new ClusterSetUp(servers);
    for (const [index, { admin }] of servers.slice(3).entries()) {
      const primary = servers[index];
      if (primary === undefined) continue;
      const id = await setUp.idOf(primary);
      await eventually(async () => admin.call('cluster', 'replicate', id));
    }
    await setUp.settled();
    return setUp;
  }

  url(parameters?: Readonly<Record<string, string>>): string {
    return `${schemeOf(this.servers)}+cluster://${hostsOf(this.servers)}${query(parameters)}`;
  }

  async idOf({ admin }: RedisServer): Promise<string> {
    return String(await admin.call('cluster', 'myid'));
  }

  /** Resolves when every slot is served and every primary has its replica. */
  async settled(): Promise<void> {
    await eventually(async () => {
      for (const { admin } of this.servers) {
        const info = String(await admin.call('cluster', 'info'));
        if (!info.includes('cluster_state:ok') || !info.includes('cluster_known_nodes:6')) throw new Error('not ok');
        const slots = (await admin.call('cluster', 'slots')) as unknown[][];
        if (slots.some((range) => range.length < 4)) throw new Error('a primary has no replica');
        const replication = await admin.info('replication');
        if (replication.includes('role:slave') && !replication.includes('master_link_status:up')) {
          throw new Error('a replica is not in sync');
        }
      }
    }, 25_000);
  }

  /** The primary and the replica that serve a slot now. */
  async shardOf(slot: number): Promise<{ primary: RedisServer; replica: RedisServer }> {
    return eventually(async () => {
      const [asked] = this.servers;
      const ranges = (await asked?.admin.call('cluster', 'slots')) as [number, number, ...[string, number][]][];
      const range = ranges.find(([first, last]) => first <= slot && slot <= last);
      const [primary, replica] = (range?.slice(2) as [string, number][] | undefined)?.map(([, port]) =>
        this.servers.find((server) => server.port === port),
      ) ?? [undefined, undefined];
      if (primary === undefined || replica === undefined) throw new Error('the slot is not served');
      return { primary, replica };
    });
  }

  /** The primary that serves a slot, according to a server other than this one. */
  async primaryOf(slot: number, except: RedisServer): Promise<RedisServer | undefined> {
    const asked = this.servers.find((server) => server !== except);
    const ranges = (await asked?.admin.call('cluster', 'slots')) as [number, number, [string, number]][];
    const port = ranges.find(([first, last]) => first <= slot && slot <= last)?.[2][1];
    return this.servers.find((server) => server.port === port);
  }

  /** Moves a slot as redis-cli does, with a pause after the first half of its keys. */
  async migrate(slot: number, from: RedisServer, to: RedisServer, pause: () => Promise<unknown>): Promise<void> {
    const [source, target] = await Promise.all([this.idOf(from), this.idOf(to)]);
    await to.admin.call('cluster', 'setslot', slot, 'importing', source);
    await from.admin.call('cluster', 'setslot', slot, 'migrating', target);
    const moveKeys = async (count: number): Promise<number> => {
      const keys = (await from.admin.call('cluster', 'getkeysinslot', slot, count)) as string[];
      if (keys.length > 0) await from.admin.call('migrate', '127.0.0.1', to.port, '', 0, 5_000, 'keys', ...keys);
      return keys.length;
    };
    const count = Number(await from.admin.call('cluster', 'countkeysinslot', slot));
    await moveKeys(Math.ceil(count / 2));
    await pause();
    while ((await moveKeys(100)) > 0);
    await pause();
    for (const { admin } of [to, from]) await admin.call('cluster', 'setslot', slot, 'node', target);
    for (const { admin } of this.servers) {
      // Replicas refuse it; the other nodes inform them.
      await admin.call('cluster', 'setslot', slot, 'node', target).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map(async (server) => server.close()));
  }
}

let prefixes = 0;

/** A key prefix that no other test uses, so that tests can share a server. */
export function uniquePrefix(): string {
  prefixes += 1;
  return `test${prefixes}`;
}
