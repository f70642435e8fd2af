import type { V1Ingress } from '@kubernetes/client-node';
import { expect, inject } from 'vitest';
import { parse, stringify } from 'yaml';
import { kubectl } from './command.js';
import { eventually } from './eventually.js';
import { ask } from './http.js';
import type { IngressClass } from './ingress-classes.js';
import { CHART, merged, type Release, type Values } from './release.js';

/** One of the Ingresses that lead to a release. */
export interface Route {
  readonly name: string;
  readonly ingressClass: IngressClass;
  /** Not in DNS: clients use `address`. Each route has a host of its own. */
  readonly host: string;
  readonly address: string;
}

export interface RouteOptions {
  readonly ingressClass: IngressClass;
  /** The class's name by default. */
  readonly name?: string;
  /** Values that only this Ingress has. */
  readonly values?: Values;
  /** Leads to another Service than the release's: ingress-nginx has one affinity for all Ingresses of a Service. */
  readonly service?: string;
}

/**
 * Leads to one release through all ingress classes. The first Ingress belongs to the release. The chart renders the others as well, with the same
 * values but for the controller, class and host.
 */
export class Routes {
  readonly all: readonly Route[];

  constructor(
    private readonly release: Release,
    private readonly options: readonly RouteOptions[] = inject('ingressClasses').map((ingressClass) => ({
      ingressClass,
    })),
  ) {
    this.all = options.map(({ ingressClass, name = ingressClass.name }) => ({
      name,
      ingressClass,
      host: `${name}.${release.namespace.name}.holdfast.test`,
      address: ingressClass.address,
    }));
  }

  get first(): Route {
    return this.get(this.all[0]?.name ?? '');
  }

  /** @throws Error if there is none of this name. */
  get(name: string): Route {
    const route = this.all.find((one) => one.name === name);
    if (route === undefined) throw new Error(`there is no route ${name}`);
    return route;
  }

  /** Installs or upgrades the release with these values, and the Ingresses beside its own. */
  async apply(values: Values, args: readonly string[] = []): Promise<void> {
    await this.release.apply(this.values(values), args);
    const others = await Promise.all(this.all.slice(1).map((route) => this.#render(route, values)));
    if (others.length > 0) {
      await kubectl(['apply', '--namespace', this.release.namespace.name, '--filename=-'], others.join('---\n'));
    }
  }

  /** Resolves when each Ingress leads to a pod: controllers take a moment to notice an Ingress, and that pods are there again. */
  async serve(): Promise<void> {
    await Promise.all(
      this.all.map(async ({ name, host, address }) =>
        eventually(async () => {
          const [status] = await ask({ address, host, path: '/ws' });
          // The gateway refuses what is no upgrade. A controller without a route answers 404, and without a pod 502 or 503.
          expect(status, `the answer through ${name}`).toBe(426);
        }),
      ),
    );
  }

  /** The values of the release itself, with those of its Ingress. */
  values(values: Values): Values {
    return this.#with(this.first, values);
  }

  async #render(route: Route, values: Values): Promise<string> {
    const show = ['--show-only', 'templates/ingress/ingress.yaml'];
    const text = await this.release.helm(['template', this.release.name, CHART, ...show], this.#with(route, values));
    const ingress = parse(text) as V1Ingress & { metadata: object };
    ingress.metadata.name = `${this.release.name}-${route.name}`;
    const { service } = this.#options(route);
    for (const { http } of ingress.spec?.rules ?? []) {
      for (const { backend } of http?.paths ?? []) {
        if (service !== undefined && backend.service !== undefined) backend.service.name = service;
      }
    }
    return stringify(ingress);
  }

  #with(route: Route, values: Values): Values {
    const { controller, name: className } = route.ingressClass;
    const ingress = { enabled: true, controller, className, hosts: [route.host] };
    return merged(merged(values, { ingress }), this.#options(route).values ?? {});
  }

  #options({ name }: Route): Partial<RouteOptions> {
    return this.options[this.all.findIndex((route) => route.name === name)] ?? {};
  }
}
