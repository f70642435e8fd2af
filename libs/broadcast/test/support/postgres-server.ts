import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rename, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { eventually } from '../../src/testing/eventually.js';
import { installDebian, SCRIPTS } from './debian-folder.js';
import { freePort } from './free-port.js';
import { hang, resume, signalAll } from './processes.js';

installDebian();

/** Removes a folder that may be a file system of its own. */
const REMOVE = 'umount -l "$1" 2> /dev/null; rm -rf "$1"';

/**
 * Ends a server if this process ends without doing so: then its standard input ends. It may be starting just then. The server ends
 * its own processes, and it may have been stopped.
 */
const WATCH = `read -r _; for step in 1 2 3; do for file in "$1"/postmaster "$1"/pgbouncer; do
  pid=$(cat "$file" 2> /dev/null) && kill -CONT "$pid" $(cat /proc/"$pid"/task/"$pid"/children); kill -QUIT "$pid"
  sleep 1; kill -KILL "$pid"; done; done; ${REMOVE}`;

function watch(directory: string): ChildProcess {
  // Detached: a signal that ends this process may be sent to its whole group.
  return spawn('bash', ['-c', WATCH, 'watch', directory], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
}

async function run(script: string, words: readonly string[], configuration = ''): Promise<void> {
  await promisify(execFile)('bash', [join(SCRIPTS, script), ...words], {
    env: { ...process.env, POSTGRES_CONFIG: configuration },
  });
}

/** Needs the same rights as the scripts, which mount folders as well. */
async function mount(directory: string, size: number): Promise<void> {
  await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', `size=${size}m`, 'tmpfs', directory]);
}

const MEMORY = '/dev/shm';
/** Bytes that a few servers need. */
const LEAST_MEMORY = 2 ** 30;

/** A folder in memory if there is enough: the tests of several servers on one disk would wait for each other. */
async function dataFolder(): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(MEMORY);
    return bavail * bsize > LEAST_MEMORY ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}

export interface PostgresOptions {
  /** The port, if it has to be known before. */
  readonly port?: number;
  /** Lines of the server's configuration. */
  readonly configuration?: string;
  /** Whose replica it is. */
  readonly primary?: PostgresServer;
  /** MiB of a disk of its own, which can be full. */
  readonly disk?: number;
}

/** A PostgreSQL server on 127.0.0.1, with a directory of its own. The user is `postgres`. */
export class PostgresServer {
  readonly #watcher: ChildProcess;

  private constructor(
    readonly port: number,
    readonly directory: string,
    private readonly options: PostgresOptions,
  ) {
    this.#watcher = watch(directory);
  }

  static async start(options: PostgresOptions = {}): Promise<PostgresServer> {
    const directory = await mkdtemp(join(await dataFolder(), 'holdfast-postgres-'));
    if (options.disk !== undefined) await mount(directory, options.disk);
    const server = new PostgresServer(options.port ?? (await freePort([])), directory, options);
    try {
      await server.run();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  /** Starts the server, or restarts it. */
  async run(): Promise<void> {
    const { configuration, primary } = this.options;
    const words = [`${this.port}`, this.directory, ...(primary === undefined ? [] : [`${primary.port}`])];
    await run('postgres.sh', words, configuration);
  }

  /** Runs statements on a connection of their own. */
  async query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.session(async (client) => (await client.query<Row>(text, [...values])).rows);
  }

  /** Calls `work` with a connection, which is closed afterwards. */
  async session<T>(work: (client: pg.Client) => Promise<T>, user = 'postgres'): Promise<T> {
    const client = new pg.Client({ host: '127.0.0.1', port: this.port, user, database: 'postgres' });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Makes a replica the primary. */
  async promote(): Promise<void> {
    await run('postgres.sh', ['promote', this.directory]);
  }

  /** Stops the server and all of its processes from running. */
  async hang(): Promise<void> {
    await hang(...(await this.#processes()));
  }

  /** Ends {@link hang}. */
  async resume(): Promise<void> {
    resume(...(await this.#processes()));
  }

  /** Ends the server as a crash would. */
  async kill(): Promise<void> {
    const postmaster = await this.#postmaster();
    signalAll(await this.#processes(), 'SIGKILL');
    await ended(postmaster);
    await rm(join(this.directory, 'db/postmaster.pid'), { force: true });
  }

  /** Removes the data of a server that does not run. */
  async removeData(): Promise<void> {
    await rm(join(this.directory, 'db'), { recursive: true, force: true });
  }

  /** Restores the data that the server has now, as from a backup, after `work` has changed more. */
  async restoreAfter(work: () => Promise<void>): Promise<void> {
    const copy = join(this.directory, 'copy');
    // A copy of files that change is not consistent, unless nothing runs.
    await this.hang();
    await promisify(execFile)('cp', ['-a', join(this.directory, 'db'), copy]);
    await this.resume();
    await work();
    await this.kill();
    await this.removeData();
    await rename(copy, join(this.directory, 'db'));
    await rm(join(this.directory, 'db/postmaster.pid'), { force: true });
    // A restore ends on a new timeline.
    await copyFile('/dev/null', join(this.directory, 'db/standby.signal'));
    await this.run();
    await this.promote();
  }

  async close(): Promise<void> {
    this.#watcher.kill();
    await this.kill().catch(() => undefined);
    await promisify(execFile)('bash', ['-c', REMOVE, 'remove', this.directory]);
  }

  /** Whether its first process runs. */
  async isRunning(): Promise<boolean> {
    const status = await readFile(`/proc/${await this.#postmaster()}/status`, 'utf8').catch(() => 'State: Z');
    return !/^State:\s+Z/m.test(status);
  }

  async #processes(): Promise<number[]> {
    const postmaster = await this.#postmaster();
    const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8');
    return [postmaster, ...children.trim().split(' ').filter(Boolean).map(Number)];
  }

  async #postmaster(): Promise<number> {
    return Number(await readFile(join(this.directory, 'postmaster'), 'utf8'));
  }
}

/** A PgBouncer in transaction mode before a server. */
export class PgBouncer {
  readonly #watcher: ChildProcess;

  private constructor(
    readonly port: number,
    readonly directory: string,
    private readonly server: PostgresServer,
  ) {
    this.#watcher = watch(directory);
  }

  static async start(server: PostgresServer): Promise<PgBouncer> {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-pgbouncer-'));
    const bouncer = new PgBouncer(await freePort([]), directory, server);
    try {
      await bouncer.run();
      return bouncer;
    } catch (error) {
      await bouncer.close();
      throw error;
    }
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  async run(): Promise<void> {
    await run('pgbouncer.sh', [`${this.port}`, this.directory, `${this.server.port}`]);
  }

  async kill(): Promise<void> {
    const pid = Number(await readFile(join(this.directory, 'pgbouncer'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    await ended(pid);
  }

  async close(): Promise<void> {
    this.#watcher.kill();
    await this.kill().catch(() => undefined);
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function ended(pid: number): Promise<void> {
  await eventually(async () => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State: Z');
    if (!/^State:\s+Z/m.test(status)) throw new Error('still running');
  });
}
