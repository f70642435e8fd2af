import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { z } from 'zod';
import { openApiDocument } from '../api/openapi.js';
import { bearerOf, KnownKeys } from '../auth/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { checked } from '../errors/checked.js';
import { ProtocolError } from '../errors/protocol-error.js';
import type { ManagementRequest } from '../http/management-routes.js';
import { ManagementServer } from '../http/management-server.js';
import { ADMIN_API, ADMIN_OPERATIONS } from './operations.js';
import { PodLists } from './pod-lists.js';
import { PodState } from './pod-state.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/** An operation, as far as it is needed to serve it. */
interface Served<Query> {
  readonly path: string;
  readonly query: z.ZodType<Query>;
}

/**
 * What operators ask a pod, on the management port. Without a key in the configuration nothing of it exists, and a caller without
 * one learns nothing.
 */
@Injectable()
export class AdminApi implements OnModuleInit {
  private readonly keys: KnownKeys;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(ManagementServer) private readonly server: ManagementServer,
    @Inject(PodState) private readonly state: PodState,
    @Inject(PodLists) private readonly lists: PodLists,
  ) {
    this.keys = new KnownKeys(config.adminKeys);
  }

  onModuleInit(): void {
    this.serve(ADMIN_OPERATIONS.state, () => this.state.read());
    this.serve(ADMIN_OPERATIONS.connections, async (query) => this.lists.connectionsPage(query));
    this.serve(ADMIN_OPERATIONS.channels, (query) => this.lists.channelsPage(query));
    this.serve(ADMIN_OPERATIONS.openApi, async () => openApiDocument(ADMIN_API));
  }

  private serve<Query>({ path, query }: Served<Query>, answer: (query: Query) => Promise<object>): void {
    this.server.add({
      method: 'GET',
      path,
      isOn: () => !this.keys.isEmpty,
      answer: async (request) => {
        this.check(request);
        return { type: JSON_TYPE, body: JSON.stringify(await answer(checked(query, request.query))) };
      },
    });
  }

  /** @throws ProtocolError `unauthorized` */
  private check({ message }: ManagementRequest): void {
    const given = bearerOf(message.headers);
    if (given === undefined || this.keys.digestOf(given) === undefined) throw new ProtocolError('unauthorized');
  }
}
