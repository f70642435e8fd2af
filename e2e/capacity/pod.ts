import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { nameOf } from '../support/cluster.js';
import { kubectl } from '../support/command.js';
import { eventually } from '../support/eventually.js';
import type { Release } from '../support/release.js';

/** How long it takes until another scrape counts again: its result is shared for ten times as long as it took. */
const SHARED_MS = 1_000;

const MANAGEMENT_PORT = 8001;
const MEBIBYTE = 1024 * 1024;

/** The only pod of a release, which clients reach without an ingress controller. */
export class MeasuredPod {
  private constructor(
    private readonly release: Release,
    readonly name: string,
    private readonly node: string,
    /** Of its node. */
    readonly host: string,
    /** Of a Service that has this pod only. */
    readonly port: number,
  ) {}

  /** Resolves when a pod is ready that does not have one of these names. */
  static async ready(release: Release, ...others: readonly string[]): Promise<MeasuredPod> {
    const pod = await eventually(async () => {
      const found = (await release.readyPods()).find((each) => !others.includes(nameOf(each)));
      if (found === undefined) throw new Error('the pod is not ready');
      return found;
    });
    const hash = pod.metadata?.labels?.['pod-template-hash'] ?? '';
    // Pods of another revision may still serve the release's own Service.
    const { spec } = await release.createService(`pod-${hash}`, 'NodePort', { 'pod-template-hash': hash });
    const port = spec?.ports?.[0]?.nodePort;
    if (port === undefined) throw new Error('the cluster did not assign a node port');
    const measured = new MeasuredPod(release, nameOf(pod), pod.spec?.nodeName ?? '', pod.status?.hostIP ?? '', port);
    await eventually(() => fetch(`http://${measured.host}:${port}/health/ready`));
    return measured;
  }

  /** The CPU time of the gateway's process, in seconds. */
  async cpuTime(): Promise<number> {
    await sleep(SHARED_MS);
    return this.metric('process_cpu_seconds_total');
  }

  async connections(): Promise<number> {
    return this.metric('holdfast_connections');
  }

  /** Resolves when it has this number of connections. */
  async has(connections: number): Promise<void> {
    await eventually(async () => {
      const open = await this.connections();
      if (open !== connections) throw new Error(`${open} connections are open, not ${connections}`);
    });
  }

  /** The working set of the container in MiB, by which Kubernetes decides about it, as of now. */
  async memory(): Promise<number> {
    const now = Date.now();
    // The kubelet measures every 10 to 20 s.
    for (let left = 60; left > 0; left -= 1) {
      const { pods } = JSON.parse(
        await kubectl(['get', '--raw', `/api/v1/nodes/${this.node}/proxy/stats/summary`]),
      ) as Summary;
      const pod = pods.find(({ podRef }) => podRef.name === this.name && podRef.namespace === this.namespace);
      const memory = pod?.containers?.find(({ name }) => name === 'gateway')?.memory;
      if (memory !== undefined && Date.parse(memory.time) >= now) return memory.workingSetBytes / MEBIBYTE;
      await sleep(1_000);
    }
    throw new Error('the kubelet does not report the memory of the container');
  }

  /** What its log says about the warm-up. */
  async warmUp(): Promise<{ readonly visits: number; readonly ms: number }> {
    const log = await this.release.cluster.core.readNamespacedPodLog({ namespace: this.namespace, name: this.name });
    const line = log.split('\n').find((each) => each.includes('"gateway.warmed_up"'));
    if (line === undefined) throw new Error('the pod did not warm up');
    return JSON.parse(line) as { visits: number; ms: number };
  }

  /** How often its container was restarted, and why. */
  async restarts(): Promise<readonly string[]> {
    const pod: V1Pod | undefined = (await this.release.pods()).find((each) => nameOf(each) === this.name);
    const status = pod?.status?.containerStatuses?.[0];
    if (status === undefined) return ['the pod is gone'];
    const { restartCount, lastState } = status;
    return Array.from({ length: restartCount }, () => lastState?.terminated?.reason ?? 'unknown');
  }

  private get namespace(): string {
    return this.release.namespace.name;
  }

  private async metric(name: string): Promise<number> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/${this.name}:${MANAGEMENT_PORT}/proxy/metrics`;
    const text = await kubectl(['get', '--raw', path]);
    const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
    if (value === undefined) throw new Error(`the pod has no metric ${name}`);
    return Number(value);
  }
}

/** What the kubelet reports of a node's pods. */
interface Summary {
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers?: readonly {
      readonly name: string;
      readonly memory?: { readonly time: string; readonly workingSetBytes: number };
    }[];
  }[];
}
