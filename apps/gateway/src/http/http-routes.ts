import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';

interface HttpRoute {
  readonly method: string;
  /** With `:name` for each parameter. */
  readonly path: string;
}

/** The registered HTTP routes. Fastify's router cannot tell which methods a path supports. */
@Injectable()
export class HttpRoutes {
  private readonly routes: HttpRoute[] = [];

  constructor(@Inject(HttpAdapterHost) { httpAdapter }: HttpAdapterHost<FastifyAdapter>) {
    httpAdapter.getInstance().addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) this.routes.push({ method: one, path: url });
    });
  }

  [Symbol.iterator](): Iterator<HttpRoute> {
    return this.routes[Symbol.iterator]();
  }

  /** The methods that the path of this request target supports; none if there is no such path. */
  methodsOf(target: string): string[] {
    const [path = ''] = target.split('?', 1);
    const segments = path.split('/');
    const found = this.routes.filter((route) => isPathOf(segments, route.path.split('/')));
    return [...new Set(found.map(({ method }) => method))];
  }
}

/** Whether a path matches that of a route, both split at their slashes. A parameter, `:name`, matches anything but nothing. */
export function isPathOf(segments: readonly string[], route: readonly string[]): boolean {
  return (
    segments.length === route.length &&
    route.every((part, index) => (part.startsWith(':') ? segments[index] !== '' : segments[index] === part))
  );
}
