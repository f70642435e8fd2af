import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { SignJWT, type JWTPayload } from 'jose';
import type { RunOptions } from '../load/run.js';
import type { Drain } from '../load/verdict.js';
import { nameOf, type Cluster } from './cluster.js';
import { Load } from './load.js';
import type { Namespace } from './namespace.js';
import type { PodWatch } from './pod-watch.js';
import { merged, Release, type Values } from './release.js';
import { Routes } from './routes.js';

/** In seconds. Shorter than the defaults, but in the same order, because a suite has 20 minutes. */
export const TIMEOUTS = { preStop: 3, settle: 4, drain: 10, margin: 5 };

/** The values of the suites' releases. */
const BASE_VALUES: Values = {
  timeouts: TIMEOUTS,
  probes: { readiness: { initialDelaySeconds: 1, periodSeconds: 2 } },
  resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { cpu: '1', memory: '256Mi' } },
  config: { namespaceDefaults: { history: { size: 1000, ttl: 600 } } },
  sessionAffinity: { mode: 'cookie' },
};

/** A Service that is reachable at every node's address, because cluster IPs are not reachable from outside of a cluster. */
export const NODE_PORT_SERVICE = 'e2e';

/** A release, and how to reach it. */
export class Scene {
  /** The values that were applied last, which need not have succeeded. */
  #applied: Values;

  private constructor(
    readonly release: Release,
    /** Through the ingress controllers. */
    readonly routes: Routes,
    readonly nodeAddress: string,
    readonly nodePort: number,
    readonly apiKey: string,
    readonly jwtSecret: string,
    /** The values it was installed with. */
    private readonly values: Values,
  ) {
    this.#applied = this.#with({});
  }

  static async install(namespace: Namespace, values: Values = {}): Promise<Scene> {
    const release = new Release(namespace);
    const routes = new Routes(release);
    await routes.apply(merged(BASE_VALUES, values));
    const { spec } = await release.createService(NODE_PORT_SERVICE, 'NodePort');
    const nodePort = spec?.ports?.[0]?.nodePort;
    const [nodeAddress] = (await namespace.cluster.nodes()).values();
    if (nodePort === undefined || nodeAddress === undefined) throw new Error('the cluster did not assign a node port');
    return new Scene(
      release,
      routes,
      nodeAddress,
      nodePort,
      await release.secret('api-keys'),
      await release.secret('jwt-secret'),
      values,
    );
  }

  /** Resets the release to its initial values, three pods, and these values. */
  async reset(values: Values = {}): Promise<void> {
    const wanted = this.#with(values);
    if (!isDeepStrictEqual(wanted, this.#applied)) {
      // Without clients a rollout, with its drains, would only take time.
      await this.release.scaleToNone();
      await this.#apply(wanted);
    }
    const { spec } = await this.release.readDeployment();
    if (spec?.replicas !== 3) await this.release.scale(3);
    await this.release.rolledOut();
    await this.routes.serve();
  }

  /** Upgrades to the initial values combined with these values. */
  async upgrade(values: Values): Promise<void> {
    await this.#apply(this.#with(values));
  }

  #with(values: Values): Values {
    return this.routes.values(merged(BASE_VALUES, merged(this.values, values)));
  }

  async #apply(values: Values): Promise<void> {
    this.#applied = values;
    // Makes Helm the owner of fields that others have set, such as with `kubectl scale`.
    await this.release.apply(values, ['--force-conflicts']);
  }

  get cluster(): Cluster {
    return this.release.cluster;
  }

  get webSocketUrl(): string {
    return `ws://${this.nodeAddress}:${this.nodePort}/ws`;
  }

  get apiUrl(): string {
    return `http://${this.nodeAddress}:${this.nodePort}/api`;
  }

  /**
   * A load in which most clients use the library, and some a plain WebSocket; a fifth connects through the Ingresses with their
   * cookies, the same number through each, and the others through the Service.
   */
  async load(clients: number, options: Partial<RunOptions> = {}): Promise<Load> {
    const plain = Math.floor(clients / 10);
    const sticky = this.routes.all.map(({ host, address }) => ({
      kind: 'library' as const,
      count: this.clientsOf(clients),
      url: `ws://${host}/ws`,
      address,
      cookies: true,
    }));
    const others = clients - plain - sticky.length * this.clientsOf(clients);
    return Load.open({
      groups: [
        { kind: 'library', count: others, url: this.webSocketUrl, cookies: false },
        ...sticky,
        { kind: 'plain', count: plain, url: this.webSocketUrl, cookies: false },
      ],
      channels: 50,
      publishers: 4,
      rate: 100,
      api: this.apiUrl,
      apiKey: this.apiKey,
      jwtSecret: this.jwtSecret,
      clockOffset: 0,
      ...options,
    });
  }

  /** A token of a user. */
  token(user: string, claims: JWTPayload = {}): Promise<string> {
    return new SignJWT({ sub: user, ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('10 minutes')
      .sign(new TextEncoder().encode(this.jwtSecret));
  }

  /** The number of clients that a load has on each Ingress. */
  clientsOf(clients: number): number {
    return Math.floor(clients / 5 / this.routes.all.length);
  }

  /** The drains of the stopped pods, as their clients should experience them. */
  drains(watch: PodWatch): Drain[] {
    return watch.stopped.map(({ name, stoppingAt = 0 }) => {
      const from = stoppingAt + (TIMEOUTS.preStop + TIMEOUTS.settle) * 1_000;
      return { node: name, from, to: from + TIMEOUTS.drain * 1_000 };
    });
  }

  /** Resolves when there are exactly `count` pods, and all are ready. @returns their names */
  async has(count: number, timeout = 120_000): Promise<string[]> {
    const deadline = Date.now() + timeout;
    for (;;) {
      const [pods, ready] = [await this.release.pods(), await this.release.readyPods()];
      if (pods.length === count && ready.length === count) return ready.map((pod) => nameOf(pod));
      if (Date.now() > deadline) throw new Error(`${ready.length} of ${pods.length} pods are ready, not ${count}`);
      await sleep(200);
    }
  }
}
