import { kubectl } from '../support/command.js';
import type { IngressClass } from '../support/ingress-classes.js';
import type { Namespace } from '../support/namespace.js';
import { merged, QUICK, Release, type Values } from '../support/release.js';
import { Routes, type Route } from '../support/routes.js';
import { examine, type Diagnosis } from './examine.js';

type Patch = Readonly<Record<string, unknown>>;

/** A release whose faults doctor has to find, with everything on that doctor looks at. */
export const VALUES: Values = merged(QUICK, {
  rollingUpdate: { maxSurge: '100%' },
  resources: { requests: { cpu: '20m', memory: '96Mi' }, limits: { cpu: '1', memory: '256Mi' } },
  sessionAffinity: { mode: 'cookie' },
  autoscaling: { enabled: true, minReplicas: 3, maxReplicas: 4, targetCPUUtilizationPercentage: 2000 },
});

/** A release behind one ingress controller, and the changes that a fault made to it. */
export class Patient {
  readonly release: Release;
  readonly #routes: Routes;
  readonly #undo: (() => Promise<unknown>)[] = [];

  constructor(
    readonly namespace: Namespace,
    readonly ingressClass: IngressClass,
  ) {
    this.release = new Release(namespace);
    this.#routes = new Routes(this.release, [{ ingressClass }]);
  }

  get route(): Route {
    return this.#routes.first;
  }

  async install(): Promise<void> {
    await this.#routes.apply(VALUES);
  }

  /** Runs doctor as an operator would, but for DNS, in which the host of the suite is not. */
  examine(args: readonly string[] = ['--address', this.ingressClass.address], kubeconfig?: string): Promise<Diagnosis> {
    return examine(this.release, args, kubeconfig);
  }

  /** The names of objects that most faults change: that of the release. */
  get name(): string {
    return this.release.name;
  }

  /** Changes an object, until the fault is undone. */
  async patch(
    kind: string,
    patch: Patch | readonly Patch[],
    { name = this.name, type = 'merge' }: { name?: string; type?: 'merge' | 'strategic' | 'json' } = {},
  ): Promise<void> {
    const before = await this.#read(kind, name);
    this.#undo.push(() => this.#kubectl(['replace', '--filename=-'], before));
    await this.#kubectl(['patch', kind, name, `--type=${type}`, '--patch', JSON.stringify(patch)]);
  }

  /** Adds something to the end of a list of an object, until the fault is undone. */
  async append(kind: string, list: string, value: Patch): Promise<void> {
    await this.patch(kind, [{ op: 'add', path: `${list}/-`, value }], { type: 'json' });
  }

  /** Changes the gateway's container, and other fields of the pods' spec. */
  async patchPods(container: Patch, spec: Patch = {}): Promise<void> {
    const containers = [{ name: 'gateway', ...container }];
    await this.patch('deployment', { spec: { template: { spec: { ...spec, containers } } } }, { type: 'strategic' });
  }

  async create(object: Patch): Promise<void> {
    const text = JSON.stringify(object);
    this.#undo.push(() => this.#kubectl(['delete', '--ignore-not-found', '--wait=false', '--filename=-'], text));
    await this.#kubectl(['apply', '--filename=-'], text);
  }

  /** Deletes an object, until the fault is undone. */
  async remove(kind: string, name = this.name): Promise<void> {
    const before = await this.#read(kind, name);
    this.#undo.push(() => this.#kubectl(['create', '--filename=-'], before));
    await this.#kubectl(['delete', kind, name]);
  }

  /** Runs a command of Redis, until the fault is undone by another one. */
  async redis(command: readonly string[], undo?: readonly string[]): Promise<void> {
    const run = (words: readonly string[]): Promise<string> =>
      this.#kubectl([
        'exec',
        `deployment/${this.name}-redis`,
        '--',
        'sh',
        '-c',
        `REDISCLI_AUTH=$(cat /etc/redis-secret/redis-password) redis-cli ${words.join(' ')}`,
      ]);
    if (undo !== undefined) this.#undo.push(() => run(undo));
    await run(command);
  }

  /** A value of a Secret of the release, such as that of its Redis. */
  async secretOf(component: string, key: string): Promise<string> {
    return Buffer.from(
      await this.#kubectl(['get', 'secret', `${this.name}-${component}`, `--output=jsonpath={.data.${key}}`]),
      'base64',
    ).toString();
  }

  onUndo(undo: () => Promise<unknown>): void {
    this.#undo.push(undo);
  }

  /** Undoes what the fault changed, the last change first. */
  async undo(): Promise<void> {
    for (const undo of this.#undo.splice(0).toReversed()) await undo();
    await this.release.rolledOut();
  }

  /** An object as it can be written back. */
  async #read(kind: string, name: string): Promise<string> {
    const object = JSON.parse(await this.#kubectl(['get', kind, name, '--output=json'])) as {
      metadata: Record<string, unknown>;
      status?: unknown;
    };
    for (const field of ['resourceVersion', 'uid', 'generation', 'creationTimestamp']) delete object.metadata[field];
    delete object.status;
    return JSON.stringify(object);
  }

  #kubectl(args: readonly string[], input?: string): Promise<string> {
    return kubectl(['--namespace', this.namespace.name, ...args], input);
  }
}
