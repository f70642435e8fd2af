import type { IncomingMessage } from 'node:http';
import { ProtocolError } from '../errors/protocol-error.js';
import { isPathOf } from './http-routes.js';

/** A request to the management port, whose values are not validated yet. */
export interface ManagementRequest {
  readonly message: IncomingMessage;
  /** Of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
}

export interface ManagementAnswer {
  /** The media type of the body. */
  readonly type: string;
  readonly body: string | Buffer;
  /** 200 by default. */
  readonly status?: number;
  /** Besides those of every answer of this port, which they replace. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Something that is served on the management port. */
export interface ManagementRoute {
  readonly method: 'GET' | 'POST';
  /** With `:name` for each parameter. */
  readonly path: string;
  /** Whether the route exists now; always by default. */
  readonly isOn?: () => boolean;
  /** @throws ProtocolError */
  readonly answer: (request: ManagementRequest) => Promise<ManagementAnswer>;
}

/** What the routes make of a request. */
export type ManagementMatch =
  | { readonly found: 'nothing' }
  | { readonly found: 'path'; readonly methods: readonly string[] }
  | { readonly found: 'route'; readonly route: ManagementRoute; readonly request: ManagementRequest };

/** The routes of the management port. */
export class ManagementRoutes {
  private readonly routes: ManagementRoute[] = [];

  add(route: ManagementRoute): void {
    this.routes.push(route);
  }

  /** @throws ProtocolError `invalid` if the path is not encoded correctly. */
  match(message: IncomingMessage): ManagementMatch {
    const [path = '', query = ''] = (message.url ?? '').split('?', 2);
    const segments = path.split('/');
    const ofPath = this.routes.filter((route) => route.isOn?.() !== false && isPathOf(segments, route.path.split('/')));
    if (ofPath.length === 0) return { found: 'nothing' };
    const method = message.method === 'HEAD' ? 'GET' : message.method;
    const route = ofPath.find((candidate) => candidate.method === method);
    if (route === undefined) {
      return {
        found: 'path',
        methods: ofPath.flatMap((one) => (one.method === 'GET' ? ['GET', 'HEAD'] : [one.method])),
      };
    }
    const request = {
      message,
      params: paramsOf(segments, route),
      query: Object.fromEntries(new URLSearchParams(query)),
    };
    return { found: 'route', route, request };
  }
}

function paramsOf(segments: readonly string[], { path }: ManagementRoute): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [index, part] of path.split('/').entries()) {
    if (part.startsWith(':')) params[part.slice(1)] = decoded(segments[index] ?? '');
  }
  return params;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ProtocolError('invalid', 'the path is not percent-encoded UTF-8');
  }
}
