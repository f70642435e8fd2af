import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { openApiDocument } from '../api/openapi.js';
import { CONFIG, type Config } from '../config/index.js';
import { AdminRoutes } from './admin-routes.js';
import { adminApi, ADMIN_OPERATIONS, PAGE_OPERATIONS } from './operations.js';
import { PodLists } from './pod-lists.js';
import { PodState } from './pod-state.js';
import { UsersAndMessages } from './users-and-messages.js';

/** What operators ask a pod, on the management port. */
@Injectable()
export class AdminApi implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(AdminRoutes) private readonly routes: AdminRoutes,
    @Inject(PodState) private readonly state: PodState,
    @Inject(PodLists) private readonly lists: PodLists,
    @Inject(UsersAndMessages) private readonly more: UsersAndMessages,
  ) {}

  onModuleInit(): void {
    const { config, lists, more, routes, state } = this;
    routes.serve(ADMIN_OPERATIONS.state, () => state.read());
    routes.serve(ADMIN_OPERATIONS.connections, async ({ query }) => lists.connectionsPage(query));
    routes.serve(ADMIN_OPERATIONS.channels, ({ query }) => lists.channelsPage(query));
    routes.serve(ADMIN_OPERATIONS.openApi, async () => openApiDocument(adminApi(config)));
    if (!config.operationsPage) return;
    routes.serve(PAGE_OPERATIONS.user, ({ params }) => more.user(params.user));
    routes.serve(PAGE_OPERATIONS.disconnect, ({ params, body }) => more.disconnect(params.user, body.until));
    routes.serve(PAGE_OPERATIONS.unblock, ({ params }) => more.unblock(params.user));
    routes.serve(PAGE_OPERATIONS.history, ({ params, query }) => more.history(params.channel, query));
  }
}
