import { Inject, Injectable } from '@nestjs/common';
import type { z } from 'zod';
import { bearerOf, KnownKeys } from '../auth/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { checked } from '../errors/checked.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { JsonBodyPipe } from '../http/json-body.pipe.js';
import type { ManagementRequest } from '../http/management-routes.js';
import { ManagementServer } from '../http/management-server.js';

const JSON_TYPE = 'application/json; charset=utf-8';
const IS_JSON = /^application\/json\s*(?:;|$)/i;

/** An operation, as far as it is needed to serve it. */
interface Served<Params, Query, Body> {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly params?: z.ZodType<Params>;
  readonly query: z.ZodType<Query>;
  readonly body?: { readonly schema: z.ZodType<Body> };
}

/** A request whose parts were validated. */
interface Asked<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
}

/**
 * Serves operations of the admin API. Without a key in the configuration nothing of it exists, and a caller without one learns
 * nothing.
 */
@Injectable()
export class AdminRoutes {
  private readonly keys: KnownKeys;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(JsonBodyPipe) private readonly bodies: JsonBodyPipe,
    @Inject(ManagementServer) private readonly server: ManagementServer,
  ) {
    this.keys = new KnownKeys(config.adminKeys);
  }

  serve<Params = undefined, Query = undefined, Body = undefined>(
    { method, path, params, query, body }: Served<Params, Query, Body>,
    answer: (asked: Asked<Params, Query, Body>) => Promise<object>,
  ): void {
    this.server.add({
      method: method === 'get' ? 'GET' : 'POST',
      path: path.replaceAll(/\{(\w+)\}/g, ':$1'),
      isOn: () => !this.keys.isEmpty,
      answer: async (request) => {
        this.check(request);
        const asked = {
          params: params === undefined ? (undefined as Params) : checked(params, request.params),
          query: checked(query, request.query),
          body: body === undefined ? (undefined as Body) : checked(body.schema, await this.bodyOf(request)),
        };
        return { type: JSON_TYPE, body: JSON.stringify(await answer(asked)) };
      },
    });
  }

  /** @throws ProtocolError `unauthorized` */
  private check({ message }: ManagementRequest): void {
    const given = bearerOf(message.headers);
    if (given === undefined || this.keys.idOf(given) === undefined) throw new ProtocolError('unauthorized');
  }

  /** @throws ProtocolError `unsupported_media_type`, `malformed` or `too_large` */
  private async bodyOf({ message }: ManagementRequest): Promise<unknown> {
    const { 'content-type': type = '', 'content-length': length = '0', 'transfer-encoding': coding } = message.headers;
    if (length === '0' && coding === undefined) return undefined;
    if (!IS_JSON.test(type)) throw new ProtocolError('unsupported_media_type');
    return this.bodies.transform(message);
  }
}
