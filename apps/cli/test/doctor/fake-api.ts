import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Draft } from './healthy.js';

/** An API server with a snapshot. It implements only the lists and logs that doctor reads. */
export class FakeApi {
  /** Paths that are answered with this status. */
  readonly statuses = new Map<RegExp, number>();
  /** The paths that were asked for, with their methods. */
  readonly requests: string[] = [];
  readonly #server: Server;
  readonly #folder = mkdtempSync(join(tmpdir(), 'holdfast-doctor-'));

  private constructor(private readonly draft: Draft) {
    this.#server = createServer(({ method, url = '' }, response) => {
      const { pathname } = new URL(url, 'http://localhost');
      this.requests.push(`${method} ${pathname}`);
      const status = [...this.statuses].find(([pattern]) => pattern.test(pathname))?.[1] ?? 200;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(status === 200 ? this.#answer(pathname) : { kind: 'Status', code: status }));
    });
  }

  static async start(draft: Draft): Promise<FakeApi> {
    const api = new FakeApi(draft);
    await new Promise<void>((resolve) => {
      api.#server.listen(0, '127.0.0.1', resolve);
    });
    return api;
  }

  /** The path of a configuration of kubectl. */
  get kubeconfig(): string {
    const { port } = this.#server.address() as AddressInfo;
    const path = join(this.#folder, 'config');
    const context = { cluster: 'fake', user: 'fake', namespace: this.draft.namespace };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'fake',
      clusters: [{ name: 'fake', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'fake', user: {} }],
      contexts: [{ name: 'fake', context }],
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  async stop(): Promise<void> {
    rmSync(this.#folder, { recursive: true });
    this.#server.closeAllConnections();
    await this.#server[Symbol.asyncDispose]();
  }

  #answer(path: string): object | string {
    const pod = /\/pods\/([^/]+)\/log$/.exec(path)?.[1];
    if (pod !== undefined) return this.draft.logs.get(pod) ?? '';
    const isOfNamespace = path.includes(`/namespaces/${this.draft.namespace}/`);
    const kinds: Readonly<Record<string, readonly object[]>> = {
      deployments: this.draft.deployments,
      pods: isOfNamespace ? this.draft.pods : this.draft.allPods,
      services: this.draft.services,
      endpointslices: this.draft.endpointSlices,
      ingresses: this.draft.ingresses,
      httproutes: this.draft.routes,
      backendconfigs: this.draft.backendConfigs,
      horizontalpodautoscalers: this.draft.autoscalers,
      poddisruptionbudgets: this.draft.disruptionBudgets,
      networkpolicies: this.draft.networkPolicies,
      events: this.draft.events,
      configmaps: isOfNamespace ? this.draft.configMaps : this.draft.controllerConfigMaps,
      ingressclasses: this.draft.ingressClasses,
      nodes: this.draft.nodes,
      namespaces: this.draft.namespaces,
    };
    return { items: kinds[path.split('/').at(-1) ?? ''] ?? [] };
  }
}
