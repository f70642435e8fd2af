import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../../src/testing/eventually.js';
import type { Certificate } from './certificate.js';
import { installDebian, SCRIPTS } from './debian-folder.js';
import { freePort } from './free-port.js';
import { groupMembers, hang, resume } from './processes.js';

installDebian();

/** Distances of the ports that servers/rabbitmq.sh uses. */
const TLS = 1;
const MANAGEMENT = 2;
const PORT_DISTANCES = [TLS, MANAGEMENT, 3, 9];

/** Ends a server if this process ends without doing so: then its standard input ends. It may be starting just then. */
const WATCH =
  'read -r _; for step in 1 2 3; do for group in "$1"/*.group; do kill -9 -- "-$(cat "$group")"; done; sleep 1; done; rm -rf "$1"';

const MAX_ATTEMPTS = 3;

const NOT_FOUND = 404;

/** One RabbitMQ node on 127.0.0.1, with a directory of its own. */
export class RabbitServer {
  readonly #watcher: ChildProcess;

  private constructor(
    readonly port: number,
    readonly directory: string,
    private readonly members: readonly number[],
    private readonly configuration: string,
  ) {
    // Detached: a signal that ends this process may be sent to its whole group.
    this.#watcher = spawn('bash', ['-c', WATCH, 'watch', directory], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
  }

  /** @param certificate for TLS on another port, and for clients that log in with it as the user that it names. */
  static async start(certificate?: Certificate): Promise<RabbitServer> {
    for (let attempts = 1; ; attempts += 1) {
      const port = await freePort(PORT_DISTANCES);
      const server = await RabbitServer.prepare(port, [port], certificate);
      try {
        await server.run();
        return server;
      } catch (error) {
        await server.close();
        // Another process may have taken a port.
        if (attempts === MAX_ATTEMPTS) throw error;
      }
    }
  }

  /** A node that does not run yet. */
  static async prepare(port: number, members: readonly number[], certificate?: Certificate): Promise<RabbitServer> {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-rabbitmq-'));
    if (certificate === undefined) return new RabbitServer(port, directory, members, '');
    // The server sees only its own directory.
    await copyFile(certificate.cert, join(directory, 'cert.pem'));
    await copyFile(certificate.key, join(directory, 'key.pem'));
    const configuration = [
      `listeners.ssl.1 = 127.0.0.1:${port + TLS}`,
      'ssl_options.cacertfile = /srv/cert.pem',
      'ssl_options.certfile = /srv/cert.pem',
      'ssl_options.keyfile = /srv/key.pem',
      'ssl_options.verify = verify_peer',
      'ssl_options.fail_if_no_peer_cert = false',
      'ssl_cert_login_from = common_name',
      'auth_mechanisms.1 = PLAIN',
      'auth_mechanisms.2 = EXTERNAL',
    ];
    return new RabbitServer(port, directory, members, configuration.join('\n'));
  }

  get url(): string {
    return `amqp://127.0.0.1:${this.port}`;
  }

  get tlsPort(): number {
    return this.port + TLS;
  }

  /** Of Erlang, without the host. */
  get name(): string {
    return `rabbit_${this.port + 3}`;
  }

  /** Starts the node, or restarts it. */
  async run(): Promise<void> {
    await promisify(execFile)(
      'bash',
      [join(SCRIPTS, 'rabbitmq.sh'), `${this.port}`, this.directory, this.members.join()],
      { env: { ...process.env, RABBITMQ_CONFIG: this.configuration } },
    );
  }

  /** Calls the management API: https://www.rabbitmq.com/docs/http-api-reference */
  async manage(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.#request(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  async #request(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port + MANAGEMENT}/api/${path}`, {
      method,
      headers: { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
  }

  /** Runs rabbitmqctl. */
  async control(...command: readonly string[]): Promise<void> {
    await promisify(execFile)('bash', [join(SCRIPTS, 'rabbitmqctl.sh'), `${this.port}`, this.directory, ...command]);
  }

  /** Creates a user, or changes its password and rights. @param rights a pattern of the names that it may use. */
  async putUser(name: string, password: string | undefined, rights: string, write = rights): Promise<void> {
    const credentials = password === undefined ? { password_hash: '' } : { password };
    await this.manage('PUT', `users/${name}`, { ...credentials, tags: '' });
    await this.manage('PUT', `permissions/%2F/${name}`, { configure: rights, write, read: rights });
  }

  /**
   * Deletes the queues whose names have this beginning. One that is listed may already be gone: a node that has just been restarted still
   * lists queues that it can't find by name.
   */
  async deleteQueues(prefix: string): Promise<void> {
    const queues = (await this.manage('GET', 'queues/%2F?disable_stats=true&enable_queue_totals=true')) as {
      name: string;
    }[];
    for (const { name } of queues.filter((queue) => queue.name.startsWith(prefix))) {
      const { ok, status } = await this.#request('DELETE', `queues/%2F/${name}`);
      if (!ok && status !== NOT_FOUND) throw new Error(`queue ${name} was not deleted: ${status}`);
    }
  }

  async hang(): Promise<void> {
    await hang(...(await groupMembers(await this.#group('node'))));
  }

  /** Ends {@link hang}. */
  async resume(): Promise<void> {
    resume(...(await groupMembers(await this.#group('node'))));
  }

  /**
   * Ends the node properly. One that is killed within a second after a stream was declared may have forgotten half of that: the
   * queue can then neither be used nor be declared again.
   */
  async stop(): Promise<void> {
    const group = await this.#group('node');
    process.kill(group, 'SIGTERM');
    await ended(group);
  }

  async kill(): Promise<void> {
    const group = await this.#group('node');
    await this.#kill('node');
    await ended(group);
  }

  /** Of the node's data. */
  get data(): string {
    return join(this.directory, 'db');
  }

  /** Removes the data of a node that does not run. */
  async removeData(): Promise<void> {
    await rm(this.data, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    this.#watcher.kill();
    for (const name of ['node', 'epmd'] as const) await this.#kill(name).catch(() => undefined);
    await rm(this.directory, { recursive: true, force: true });
  }

  async #kill(name: 'node' | 'epmd'): Promise<void> {
    process.kill(-(await this.#group(name)), 'SIGKILL');
  }

  async #group(name: 'node' | 'epmd'): Promise<number> {
    return Number(await readFile(join(this.directory, `${name}.group`), 'utf8'));
  }
}

async function ended(pid: number): Promise<void> {
  await eventually(async () => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State: Z');
    if (!/^State:\s+Z/m.test(status)) throw new Error('still running');
  });
}

/** Three nodes. */
export class RabbitCluster {
  private constructor(readonly servers: readonly RabbitServer[]) {}

  static async start(): Promise<RabbitCluster> {
    const ports: number[] = [];
    while (ports.length < 3) ports.push(await freePort(PORT_DISTANCES));
    const servers = await Promise.all(ports.map(async (port) => RabbitServer.prepare(port, ports)));
    const cluster = new RabbitCluster(servers);
    try {
      await Promise.all(servers.map(async (server) => server.run()));
      await eventually(async () => {
        const nodes = (await servers[0]?.manage('GET', 'nodes')) as { running: boolean }[];
        if (nodes.filter(({ running }) => running).length < ports.length) throw new Error('not complete yet');
      }, 30_000);
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  get url(): string {
    return `amqp://${this.servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  }

  /** The server that leads a stream. */
  async leaderOf(queue: string): Promise<RabbitServer> {
    return eventually(async () => {
      const details = (await this.servers[0]?.manage('GET', `queues/%2F/${queue}`)) as { leader?: string } | undefined;
      const server = this.servers.find(({ name }) => details?.leader?.startsWith(`${name}@`));
      if (server === undefined) throw new Error('no leader');
      return server;
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map(async (server) => server.close()));
  }
}
