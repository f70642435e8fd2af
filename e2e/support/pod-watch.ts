import { Watch, type V1Pod } from '@kubernetes/client-node';
import { isReady, nameOf } from './cluster.js';
import type { Release } from './release.js';

/** The history of one pod. Times are when this process was notified, in ms since the Unix epoch. */
export interface PodLife {
  readonly name: string;
  readonly uid: string;
  readyAt?: number;
  /** When its deletionTimestamp was set. */
  stoppingAt?: number;
  goneAt?: number;
  /** When it became not ready without being deleted. */
  readonly failures: number[];
}

/** Watches the gateway's pods of a release. */
export class PodWatch {
  readonly lives = new Map<string, PodLife>();
  readonly #stop = new AbortController();
  #request: AbortController | undefined;

  static async start(release: Release): Promise<PodWatch> {
    const watch = new PodWatch();
    for (const pod of await release.pods()) watch.#see('MODIFIED', pod);
    watch.#follow(release);
    return watch;
  }

  stop(): void {
    this.#stop.abort();
    this.#request?.abort();
  }

  /** Pods whose deletion began during the watch. */
  get stopped(): PodLife[] {
    return [...this.lives.values()].filter(({ stoppingAt }) => stoppingAt !== undefined);
  }

  #follow(release: Release): void {
    if (this.#stop.signal.aborted) return;
    const path = `/api/v1/namespaces/${release.namespace.name}/pods`;
    new Watch(release.cluster.config)
      .watch(
        path,
        { labelSelector: release.selector },
        (type, pod: V1Pod) => this.#see(type, pod),
        // A watch ends from time to time, and when the API server stops.
        () => setTimeout(() => this.#follow(release), 100),
      )
      .then(
        (request) => (this.#request = request),
        () => setTimeout(() => this.#follow(release), 100),
      );
  }

  #see(type: string, pod: V1Pod): void {
    const uid = pod.metadata?.uid;
    if (uid === undefined) return;
    let life = this.lives.get(uid);
    if (life === undefined) this.lives.set(uid, (life = { name: nameOf(pod), uid, failures: [] }));
    if (pod.metadata?.deletionTimestamp !== undefined) life.stoppingAt ??= Date.now();
    if (type === 'DELETED') {
      life.stoppingAt ??= Date.now();
      life.goneAt ??= Date.now();
    } else if (isReady(pod)) {
      life.readyAt = Date.now();
      this.#ready.add(uid);
    } else if (this.#ready.delete(uid) && life.stoppingAt === undefined) {
      life.failures.push(Date.now());
    }
  }

  readonly #ready = new Set<string>();
}
