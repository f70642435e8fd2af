import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { eventually } from '../../../../libs/broadcast/src/testing/eventually.js';
import { freePort } from '../../../../libs/broadcast/test/support/free-port.js';
import { hang, resume } from '../../../../libs/broadcast/test/support/processes.js';
import { API_KEY, JWT_SECRET } from '../support/gateway.js';
import type { Target } from './prometheus.ts';
import { Service } from './service.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The names of pods of a release called holdfast. A pod of a rolling update takes the next one. */
const PODS = ['aaaaa', 'bbbbb', 'ccccc', 'ddddd'].map((suffix) => `holdfast-6d8f5db9c-${suffix}`);

const START_TIMEOUT = 60_000;

/** The built gateway in its own process. It can be started again after its end, like a container. */
export class Pod {
  #child: ChildProcess | undefined;
  #output = '';

  constructor(
    readonly name: string,
    readonly port: number,
    readonly managementPort: number,
    private readonly service: Service,
  ) {}

  /** Resolves when it is ready. */
  async start(env: NodeJS.ProcessEnv): Promise<void> {
    const child = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'],
        HOLDFAST_NODE: this.name,
        HOLDFAST_PORT: String(this.port),
        HOLDFAST_MANAGEMENT_PORT: String(this.managementPort),
        HOLDFAST_JWT_SECRET: JWT_SECRET,
        HOLDFAST_API_KEYS: API_KEY,
        HOLDFAST_DEMO: 'false',
        HOLDFAST_SETTLE_SECONDS: '1',
        HOLDFAST_DRAIN_SECONDS: '8',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const collect = (chunk: Buffer): void => void (this.#output = (this.#output + chunk.toString()).slice(-20_000));
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    await eventually(async () => {
      if (!this.#runs) return;
      const { ok } = await fetch(`http://127.0.0.1:${this.port}/health/ready`);
      if (!ok) throw new Error(`${this.name} is not ready:\n${this.#output}`);
    }, START_TIMEOUT);
    if (!this.#runs) throw new Error(`${this.name} ended before it was ready:\n${this.#output}`);
    this.service.targets.add(this.port);
  }

  /** Where it serves clients and the HTTP API. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Its latest log lines. */
  get output(): string {
    return this.#output;
  }

  /** Sends a signal, and resolves with its end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.service.targets.delete(this.port);
    const child = this.#child;
    if (child === undefined || !this.#runs) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    // A stopped process has to continue first.
    child.kill('SIGCONT');
    await ended;
  }

  async hang(): Promise<void> {
    await hang(this.#pid);
  }

  /** Ends {@link hang}. */
  resume(): void {
    resume(this.#pid);
  }

  get #runs(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  get #pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }
}

export interface Installation {
  /** The broker's URL for each pod that starts; undefined for the memory broker. */
  readonly brokers: readonly (string | undefined)[];
  /** Of the configuration file. */
  readonly config?: object;
  readonly env?: NodeJS.ProcessEnv;
}

/** Pods in a namespace, and the Service in front of them. */
export class Release {
  #env: NodeJS.ProcessEnv = {};
  #brokers: Installation['brokers'] = [];

  private constructor(
    readonly namespace: string,
    readonly service: Service,
    readonly pods: readonly Pod[],
    private readonly directory: string,
  ) {}

  /** Chooses the ports of its pods, which do not run yet. */
  static async plan(namespace: string): Promise<Release> {
    const service = await Service.start();
    const pods: Pod[] = [];
    for (const name of PODS) pods.push(new Pod(name, await freePort(), await freePort(), service));
    return new Release(namespace, service, pods, await mkdtemp(join(tmpdir(), 'holdfast-release-')));
  }

  get targets(): Target[] {
    return this.pods.map(({ name, managementPort }) => ({
      port: managementPort,
      namespace: this.namespace,
      pod: name,
    }));
  }

  /** Starts a pod for each of the brokers' URLs. */
  async install({ brokers, config = {}, env = {} }: Installation): Promise<void> {
    const file = join(this.directory, 'holdfast.yaml');
    await writeFile(file, stringify(config));
    this.#env = { HOLDFAST_CONFIG: file, ...env };
    this.#brokers = brokers;
    await Promise.all(brokers.map(async (_, index) => this.start(index)));
  }

  /** Starts a pod, or restarts one that has ended. @param env in addition to that of the installation. */
  async start(index: number, env: NodeJS.ProcessEnv = {}): Promise<void> {
    const broker = this.#brokers[index % this.#brokers.length];
    await this.pod(index).start({ HOLDFAST_BROKER: broker, ...this.#env, ...env });
  }

  pod(index: number): Pod {
    const pod = this.pods[index];
    if (pod === undefined) throw new Error(`there is no pod ${index}`);
    return pod;
  }

  /** The latest log lines of all pods. */
  get output(): string {
    return this.pods.map(({ output }) => output).join('\n');
  }

  /** Kills all pods. */
  async stop(): Promise<void> {
    await Promise.all(this.pods.map(async (pod) => pod.stop('SIGKILL')));
  }

  async close(): Promise<void> {
    await this.stop();
    await this.service.close();
    await rm(this.directory, { recursive: true });
  }
}
