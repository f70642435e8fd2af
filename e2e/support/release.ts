import { fileURLToPath } from 'node:url';
import { helm, kubectl } from './commands.ts';

const CHART = fileURLToPath(new URL('../../charts/holdfast', import.meta.url));

/** Values for every installation, such as the tag of an image that this cluster has: a file that `E2E_VALUES` names. */
const SITE_VALUES = process.env['E2E_VALUES'];

/** The chart in a namespace of its own. */
export class Release {
  private constructor(
    readonly namespace: string,
    readonly name = 'holdfast',
  ) {}

  static async create(namespace: string): Promise<Release> {
    await kubectl(['create', 'namespace', namespace]);
    return new Release(namespace);
  }

  /** Installs the chart, or upgrades to these values alone, and waits until its pods are ready and former ones gone. */
  async apply(values: object): Promise<void> {
    await helm(
      [
        'upgrade',
        this.name,
        CHART,
        '--install',
        '--namespace',
        this.namespace,
        '--wait',
        '--timeout',
        '170s',
        ...(SITE_VALUES === undefined ? [] : ['--values', SITE_VALUES]),
        '--values',
        '-',
      ],
      JSON.stringify(values),
    );
    await Promise.all((await this.list()).filter(isStopping).map(({ metadata }) => this.gone(metadata.name)));
  }

  /** The names of the gateway's pods that are to stay. */
  async pods(): Promise<string[]> {
    return (await this.list()).filter((pod) => !isStopping(pod)).map(({ metadata }) => metadata.name);
  }

  private async list(): Promise<Pod[]> {
    const list = await kubectl([
      'get',
      'pods',
      '--namespace',
      this.namespace,
      '--selector',
      `app.kubernetes.io/instance=${this.name},app.kubernetes.io/component=gateway`,
      '--output',
      'json',
    ]);
    return (JSON.parse(list) as { items: Pod[] }).items;
  }

  /** Begins to stop a pod, as a rollout or a drain does. */
  async stop(pod: string): Promise<void> {
    await kubectl(['delete', 'pod', pod, '--namespace', this.namespace, '--wait=false']);
  }

  async gone(pod: string): Promise<void> {
    await kubectl(['wait', `pod/${pod}`, '--for=delete', '--namespace', this.namespace, '--timeout=170s']);
  }

  async remove(): Promise<void> {
    await kubectl(['delete', 'namespace', this.namespace, '--wait=false']);
  }
}

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
}

function isStopping({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined;
}
