import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFailed } from 'vitest';
import { stringify } from 'yaml';
import { nameOf, type Cluster } from './cluster.js';

/** The remains of failed tests. */
export const FAILURES = new URL('../failures/', import.meta.url).pathname;

const REMOVED_WITHIN = 120_000;

/** The namespace of one suite, in which pods must comply with the Pod Security Standard "restricted". */
export class Namespace {
  private constructor(
    readonly cluster: Cluster,
    readonly name: string,
  ) {}

  /** Creates the namespace, when that of an earlier run is gone. */
  static async create(cluster: Cluster, suite: string): Promise<Namespace> {
    const namespace = new Namespace(cluster, `e2e-${suite}`);
    await namespace.remove();
    await namespace.#gone();
    await cluster.core.createNamespace({
      body: {
        metadata: {
          name: namespace.name,
          labels: { 'pod-security.kubernetes.io/enforce': 'restricted', 'app.kubernetes.io/part-of': 'holdfast-e2e' },
        },
      },
    });
    return namespace;
  }

  /** Starts to remove it. */
  async remove(): Promise<void> {
    const { core } = this.cluster;
    if (!(await this.#exists())) return;
    await core.deleteNamespace({ name: this.name, gracePeriodSeconds: 0 });
    // Do not wait for pods with a long drain.
    await core.deleteCollectionNamespacedPod({ namespace: this.name, gracePeriodSeconds: 0 });
  }

  async #exists(): Promise<boolean> {
    const { items } = await this.cluster.core.listNamespace({ fieldSelector: `metadata.name=${this.name}` });
    return items.length > 0;
  }

  async #gone(): Promise<void> {
    const deadline = Date.now() + REMOVED_WITHIN;
    while (await this.#exists()) {
      if (Date.now() > deadline) throw new Error(`namespace ${this.name} is not gone after ${REMOVED_WITHIN} ms`);
      await sleep(250);
    }
  }

  /** The folder for the remains of the current test if it fails. */
  folder(test: string): string {
    return join(FAILURES, this.name, test.replaceAll(/[^A-Za-z0-9]+/g, '-'));
  }

  /** Call it in a test to collect pods, events and logs if the test fails. */
  collectOnFailure(): void {
    onTestFailed(({ task }) => this.collect(task.name), 60_000);
  }

  /** Writes pods, events and logs into the folder of a test. */
  async collect(test: string): Promise<void> {
    const folder = this.folder(test);
    const { core, apps } = this.cluster;
    const namespace = this.name;
    const save = async (file: string, content: unknown): Promise<void> => {
      const path = join(folder, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(
        path,
        typeof content === 'string' ? content : stringify(content, { aliasDuplicateObjects: false }),
      );
    };
    const { items: pods } = await core.listNamespacedPod({ namespace });
    await save('pods.yaml', JSON.parse(JSON.stringify(pods)));
    await save('events.yaml', JSON.parse(JSON.stringify((await core.listNamespacedEvent({ namespace })).items)));
    await save(
      'deployments.yaml',
      JSON.parse(JSON.stringify((await apps.listNamespacedDeployment({ namespace })).items)),
    );
    for (const pod of pods) {
      for (const previous of [false, true]) {
        const log = await core.readNamespacedPodLog({ namespace, name: nameOf(pod), previous }).catch(() => undefined);
        if (log !== undefined) await save(`logs/${nameOf(pod)}${previous ? '.previous' : ''}.log`, log);
      }
    }
  }
}
