import type { Server } from 'node:http';
import { setImmediate as polled, setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CONFIG, type Config } from '../config/index.js';
import { CLOSE_WITHIN_MS, type Connection } from '../connection/connection.js';
import { Connections } from '../connection/connections.js';
import { BATCH_EVERY_MS, invitations } from './drain-pace.js';
import { DrainReports } from './drain-reports.js';
import { Lifecycle } from './lifecycle.js';
import { requestsOf } from '../http/http-server.js';
import { ManagementServer } from '../http/management-server.js';
import { EventLog } from '../logging/event-log.js';

/**
 * How long HTTP requests in progress may take after everything else has ended, in ms. The broker settles each call
 * within 2 s.
 */
const REQUESTS_WITHIN_MS = 3_000;

/** How long HTTP connections may then take to end, in ms. */
const CLOSED_WITHIN_MS = 2_000;

/**
 * The time between SIGTERM and the end. Readiness fails at once. Upgrades are accepted during the settle time and then
 * refused. Clients are asked to reconnect, in batches spread over the drain window, and those that remain are closed
 * with 1012. HTTP requests are answered to the end, and each answer closes its connection, so that callers move as
 * well.
 */
@Injectable()
export class Drain implements BeforeApplicationShutdown {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(DrainReports) private readonly reports: DrainReports,
    @Inject(ManagementServer) private readonly management: ManagementServer,
    @Inject(EventLog) private readonly log: EventLog,
  ) {}

  async beforeApplicationShutdown(): Promise<void> {
    const { settle, window } = this.config.drain;
    this.lifecycle.stage = 'settling';
    this.log.write('gateway.stopping', { connections: this.connections.count, settle, window });
    const server = this.adapterHost.httpAdapter.getHttpServer() as Server;
    requestsOf(server).closeEach();
    this.management.closeEach();
    await sleep(settle);

    this.lifecycle.stage = 'draining';
    const end = performance.now() + window;
    const before = this.clients();
    this.log.write('gateway.draining', { clients: before });
    await this.inviteAll(this.connections.all(), window, end);
    await this.untilNoneIsLeft(end - performance.now());
    const closed = this.clients();
    // Somebody may have connected at the last moment.
    const moved = Math.max(0, before - closed);
    for (const connection of this.connections.all()) connection.close('restart');
    await Promise.all([
      this.untilNoneIsLeft(2 * CLOSE_WITHIN_MS),
      before > 0 ? this.reports.send({ moved, closed }) : undefined,
    ]);
    this.log.write('gateway.drained', { moved, closed });
    await this.endRequests(server);
  }

  private clients(): number {
    return this.connections.all().filter((connection) => isServed(connection)).length;
  }

  /** Nest stops the HTTP server next, and Node would wait forever for a request that is never completed. */
  private async endRequests(server: Server): Promise<void> {
    const requests = requestsOf(server);
    const end = performance.now() + REQUESTS_WITHIN_MS;
    while (requests.underWay > 0 && performance.now() < end) await sleep(BATCH_EVERY_MS / 2);
    setTimeout(() => server.closeAllConnections(), CLOSED_WITHIN_MS).unref();
    // Nest closes idle connections next. Reading what has arrived by now makes sure that none of them has a request.
    await polled();
  }

  /**
   * Spreads the invitations evenly, so that the other pods get a steady stream and not a storm. All clients have until
   * the end, since the pods that they move to may have just started, and be slow.
   */
  private async inviteAll(connections: Connection[], window: number, end: number): Promise<void> {
    let asked = 0;
    while (asked < connections.length && this.connections.count > 0) {
      const { due, within } = invitations(connections.length, window, end - performance.now());
      for (; asked < due; asked += 1) connections[asked]?.inviteElsewhere(within, 'draining');
      if (asked < connections.length) await sleep(BATCH_EVERY_MS);
    }
  }

  private async untilNoneIsLeft(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (this.connections.count > 0 && performance.now() < end) await sleep(BATCH_EVERY_MS / 2);
  }
}

/** Whether its client has no newer connection elsewhere. */
function isServed({ identity, open, replacedBy }: Connection): boolean {
  return identity !== undefined && open && replacedBy === undefined;
}
