import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorData, ERRORS, type ErrorCode } from '@holdfast/protocol';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Registry } from 'prom-client';
import { CONFIG, type Config } from '../config/index.js';
import { smugglingRiskOf } from './request-smuggling.js';
import { SOCKETS } from '../limits/descriptors.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { createHttpServer, requestsOf } from './http-server.js';
import { ManagementRoutes, type ManagementRoute } from './management-routes.js';
import { PendingSockets } from './pending-sockets.js';
import { Metrics } from '../metrics/metrics.js';
import { SharedScrape } from '../metrics/shared-scrape.js';
import { EventLog } from '../logging/event-log.js';

/** For Prometheus and people. Nobody else should connect. */
const MAX_PENDING = 100;

/** What Prometheus accepts first, and browsers do not. */
const OPENMETRICS = 'application/openmetrics-text';

/** How long a request in progress may take when the process ends, in ms. */
const REQUESTS_WITHIN_MS = 1_000;

const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'",
  'X-Content-Type-Options': 'nosniff',
};

/** Serves /metrics, and what others add, on its own port, which no ingress leads to. */
@Injectable()
export class ManagementServer implements OnApplicationShutdown {
  private readonly server: Server;
  private readonly routes = new ManagementRoutes();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Metrics) metrics: Metrics,
    @Inject(EventLog) private readonly log: EventLog,
  ) {
    const text = new SharedScrape(() => metrics.registry.metrics());
    const openMetrics = new SharedScrape(() => metrics.openMetrics());
    this.add({
      method: 'GET',
      path: '/metrics',
      answer: async ({ message: { headers } }) =>
        // Only for exemplars: the formats have the same metrics otherwise.
        config.tracing && headers.accept?.includes(OPENMETRICS) === true
          ? { type: Registry.OPENMETRICS_CONTENT_TYPE, body: await openMetrics.get() }
          : { type: Registry.PROMETHEUS_CONTENT_TYPE, body: await text.get() },
    });
    this.server = createHttpServer(config, (request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else if (error instanceof ProtocolError) this.refuse(response, error.code, error.detail);
        else {
          // Neither query nor headers, which may contain a key.
          this.log.write('management.failed', { err: error, path: request.url?.split('?', 1)[0] });
          this.refuse(response, 'internal');
        }
      });
    });
    this.server.maxConnections = Math.min(SOCKETS.management, Number.MAX_SAFE_INTEGER);
    new PendingSockets(this.server, Math.min(MAX_PENDING, SOCKETS.managementPending), metrics);
  }

  /** The port that it listens on. The configuration may have left the choice to the system. */
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    this.server.listen(this.config.managementPort);
    await once(this.server, 'listening');
  }

  /** Serves something on this port. */
  add(route: ManagementRoute): void {
    this.routes.add(route);
  }

  /** From now on each answer closes its connection. */
  closeEach(): void {
    requestsOf(this.server).closeEach();
  }

  async onApplicationShutdown(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    const timer = setTimeout(() => this.server.closeAllConnections(), REQUESTS_WITHIN_MS);
    await closed;
    clearTimeout(timer);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const risk = smugglingRiskOf(request);
    if (risk !== undefined) return this.refuse(response.setHeader('Connection', 'close'), 'invalid', risk);
    const match = this.routes.match(request);
    if (match.found === 'nothing') return this.refuse(response, 'not_found', 'the metrics are at /metrics');
    if (match.found === 'path') {
      return this.refuse(response.setHeader('Allow', match.methods.join(', ')), 'method_not_allowed');
    }
    const { type, body, status = 200, headers } = await match.route.answer(match.request);
    response.writeHead(status, { ...headers, 'Content-Type': type }).end(body);
  }

  private refuse(response: ServerResponse, code: ErrorCode, detail?: string): void {
    const { status } = ERRORS[code];
    if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(errorData(code, detail)));
  }
}
