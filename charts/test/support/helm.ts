import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { ToolName } from './tools.ts';

export const CHART = fileURLToPath(new URL('../../holdfast', import.meta.url));

/** A rendered Kubernetes object. Kubernetes' own types are not checked here. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  // oxlint-disable-next-line typescript/no-explicit-any -- each kind has a different type, and a wrong access fails the test
  readonly spec: any;
  /** Of a ConfigMap. */
  readonly data?: Readonly<Record<string, string>>;
  /** Of a Secret. */
  readonly stringData?: Readonly<Record<string, string>>;
}

export interface RenderOptions {
  readonly release?: string;
  readonly namespace?: string;
  /** In addition to Helm's own, such as `monitoring.coreos.com/v1/ServiceMonitor`. */
  readonly apiVersions?: readonly string[];
  readonly kubeVersion?: string;
  readonly chart?: string;
  readonly helm?: Extract<ToolName, 'helm' | 'helm3'>;
  readonly args?: readonly string[];
}

/** The output of `helm template` with `values` (as with `--values`), in order. */
export async function render(values: object = {}, options: RenderOptions = {}): Promise<Manifests> {
  const { release = 'test', namespace = 'test-ns', apiVersions = [], kubeVersion, chart = CHART, args = [] } = options;
  const output = await helm(
    [
      'template',
      release,
      chart,
      '--namespace',
      namespace,
      '--values',
      '-',
      ...apiVersions.flatMap((version) => ['--api-versions', version]),
      ...(kubeVersion === undefined ? [] : ['--kube-version', kubeVersion]),
      ...args,
    ],
    JSON.stringify(values),
    options.helm,
  );
  return new Manifests(output);
}

/** The error of Helm when it refuses `values`. */
export async function refusal(values: object, options?: RenderOptions): Promise<string> {
  const rendered = await render(values, options).catch((error: unknown) => error);
  if (rendered instanceof HelmError) return rendered.message;
  throw new Error('expected Helm to refuse these values', { cause: rendered });
}

export class HelmError extends Error {
  override readonly name = 'HelmError';
}

/**
 * Runs Helm.
 *
 * @param input its stdin.
 * @returns its stdout.
 * @throws HelmError with its stderr if it fails.
 */
export async function helm(args: readonly string[], input = '', version: 'helm' | 'helm3' = 'helm'): Promise<string> {
  const tool = inject('tools')[version];
  if ('missing' in tool) throw new Error(tool.missing);
  const child = spawn(tool.path, args, { stdio: 'pipe' });
  child.stdin.end(input);
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve, reject) => child.on('close', resolve).on('error', reject)),
  ]);
  if (code !== 0) throw new HelmError(stderr);
  return stdout;
}

/** The objects of a release. */
export class Manifests {
  readonly all: readonly Manifest[];

  constructor(readonly yaml: string) {
    this.all = parseAllDocuments(yaml).flatMap((document) => {
      // Such as a key that occurs twice: Helm takes the last, kustomize and Flux refuse it.
      if (document.errors.length > 0) throw new AggregateError(document.errors, `invalid YAML:\n${yaml}`);
      // A template that renders only comments results in an empty document.
      const manifest = document.toJS() as Manifest | null;
      return manifest === null ? [] : [manifest];
    });
  }

  /** The object of this kind, and of this name if there may be several. */
  get(kind: string, name?: string): Manifest {
    const found = this.find(kind, name);
    if (found.length === 1 && found[0] !== undefined) return found[0];
    const rendered = this.all.map((manifest) => `${manifest.kind}/${manifest.metadata.name}`).join(', ');
    throw new Error(`expected one ${kind}${name === undefined ? '' : `/${name}`} among ${rendered}`);
  }

  find(kind: string, name?: string): Manifest[] {
    return this.all.filter(
      (manifest) => manifest.kind === kind && (name === undefined || manifest.metadata.name === name),
    );
  }

  /** The gateway's configuration file. */
  get config(): string {
    return this.deployment.spec.template.metadata.annotations['holdfast/config'];
  }

  /** The gateway's Deployment. */
  get deployment(): Manifest {
    return this.all.find(isGateway) ?? this.get('Deployment');
  }
}

function isGateway({ kind, metadata }: Manifest): boolean {
  return kind === 'Deployment' && metadata.labels?.['app.kubernetes.io/component'] === 'gateway';
}
