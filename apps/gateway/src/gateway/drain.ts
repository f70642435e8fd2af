import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { CONFIG, type Config } from '../config/index.js';
import { CLOSE_WITHIN_MS, type Connection } from './connection.js';
import { Connections } from './connections.js';
import { Lifecycle } from '../lifecycle/lifecycle.js';

/** The share of the drain window that is left to the client that is told last. */
const LAST_SHARE = 1 / 6;
const BATCH_EVERY_MS = 100;

/** How long HTTP requests may take that are under way when all else has ended. */
const REQUESTS_WITHIN_MS = 2_000;

/**
 * What happens between SIGTERM and the end: readiness fails at once, upgrades are accepted for the settle time and then
 * refused, clients are invited elsewhere in batches spread over the window, and whoever is left is closed with 1012.
 */
@Injectable()
export class Drain implements BeforeApplicationShutdown {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(Lifecycle) private readonly lifecycle: Lifecycle,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @InjectPinoLogger(Drain.name) private readonly logger: PinoLogger,
  ) {}

  async beforeApplicationShutdown(): Promise<void> {
    const { settle, window } = this.config.drain;
    this.lifecycle.stage = 'settling';
    this.logger.info({ connections: this.connections.count, settle, window }, 'stopping: not ready any more');
    await sleep(settle);

    this.lifecycle.stage = 'draining';
    const end = performance.now() + window;
    await this.inviteAll(this.connections.all(), window, end);
    await this.untilNoneIsLeft(end - performance.now());
    for (const connection of this.connections.all()) connection.close('restart');
    await this.untilNoneIsLeft(2 * CLOSE_WITHIN_MS);
    this.logger.info('drained');
    this.endRequests();
  }

  /** Nest stops the HTTP server next, and Node waits without end for a request that is never sent to its end. */
  private endRequests(): void {
    const server = this.adapterHost.httpAdapter.getHttpServer() as Server;
    setTimeout(() => server.closeAllConnections(), REQUESTS_WITHIN_MS).unref();
  }

  /**
   * Spreads the invitations evenly, so that the other pods meet a steady stream and no storm. Everybody has until the end:
   * the pods that they move to may have just begun, and be slow.
   */
  private async inviteAll(connections: Connection[], window: number, end: number): Promise<void> {
    const last = window * LAST_SHARE;
    let told = 0;
    while (told < connections.length && this.connections.count > 0) {
      const left = Math.max(end - performance.now(), last);
      const share = window === 0 ? 1 : (window - left) / (window - last);
      const due = Math.min(connections.length, Math.ceil(connections.length * share));
      for (; told < due; told += 1) connections[told]?.inviteElsewhere(Math.round(left), 'draining');
      if (told < connections.length) await sleep(BATCH_EVERY_MS);
    }
  }

  private async untilNoneIsLeft(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (this.connections.count > 0 && performance.now() < end) await sleep(BATCH_EVERY_MS / 2);
  }
}
