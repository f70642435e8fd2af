import { setTimeout as sleep } from 'node:timers/promises';
import { PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { nameOf, type Cluster } from './cluster.js';
import { execute } from './execute.js';
import { serverPod } from './ingress-classes.js';

const RELOADED_WITHIN = 30_000;

/** Prints the title and the file of each process. */
const LIST = 'for file in /proc/[0-9]*/cmdline; do echo "$(tr "\\0" " " < $file) $file"; done 2> /dev/null';

/** The controller ingress-nginx itself. */
export class IngressNginx {
  constructor(private readonly cluster: Cluster) {}

  /** Sets an option of its ConfigMap, or removes it. Resolves when nginx has been reloaded and has new workers. */
  async configure(option: string, value: string | null): Promise<void> {
    const pod = await serverPod(this.cluster, 'ingress-nginx');
    const args = pod.spec?.containers[0]?.args ?? [];
    const name = args.map((arg) => /^--configmap=.*\/(.+)$/.exec(arg)?.[1]).find((found) => found !== undefined);
    const namespace = pod.metadata?.namespace;
    if (name === undefined || namespace === undefined) throw new Error('ingress-nginx runs without --configmap');
    const { data = {} } = await this.cluster.core.readNamespacedConfigMap({ name, namespace });
    if ((data[option] ?? null) === value) return;
    const before = await this.#workers();
    await this.cluster.core.patchNamespacedConfigMap(
      { name, namespace, body: { data: { [option]: value } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
    const deadline = Date.now() + RELOADED_WITHIN;
    for (;;) {
      const now = await this.#workers();
      if (now.length > 0 && now.every((worker) => !before.includes(worker))) return;
      if (Date.now() > deadline) throw new Error(`ingress-nginx was not reloaded within ${RELOADED_WITHIN} ms`);
      await sleep(200);
    }
  }

  /** The workers that accept connections. */
  async #workers(): Promise<string[]> {
    const pod = await serverPod(this.cluster, 'ingress-nginx');
    const namespace = { name: pod.metadata?.namespace ?? '', cluster: this.cluster };
    const output = await execute(namespace, nameOf(pod), pod.spec?.containers[0]?.name ?? '', ['bash', '-c', LIST]);
    return output
      .split('\n')
      .filter((line) => line.startsWith('nginx: worker process') && !line.includes('shutting down'));
  }
}
