import 'reflect-metadata';
import type { RequestListener } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { refuseSmuggling, refuseRequestTarget } from './http/framework-errors.js';
import { securityHeaders } from './http/security-headers.js';
import { AppModule } from './app.module.js';
import { ApiKeyGuard } from './auth/index.js';
import type { Config } from './config/index.js';
import { HoldfastWsAdapter } from './holdfast-ws.adapter.js';
import { isWebSocketUpgrade } from './upgrade/upgrades.js';
import { requestLog, useLog } from './logging/log.js';
import { Lifecycle } from './lifecycle/lifecycle.js';
import { createHttpServer } from './http/http-server.js';
import { ManagementServer } from './http/management-server.js';
import { PendingSockets } from './http/pending-sockets.js';
import { UnauthenticatedRequests } from './http/unauthenticated-requests.js';
import { Metrics } from './metrics/metrics.js';

/** Fits a percent-encoded user id and more than a channel name, so that a refusal can say what is wrong with it. */
const MAX_PARAM_LENGTH = 765;

/**
 * The whole application, not listening yet.
 *
 * @param modules your own Nest modules. A `@WebSocketGateway()` class among their providers adds its
 * `@SubscribeMessage` events to the protocol's. A request is answered with what its handler returns (a value, Promise
 * or Observable, of which the last value counts), with `refused` if it throws a WsException, `forbidden` if a guard
 * rejects it, and `internal` for any other error. `@ConnectedSocket()` is a Connection.
 */
export async function createApp(
  config: Config,
  ...modules: readonly (Type | DynamicModule)[]
): Promise<NestFastifyApplication> {
  return create(config, AppModule.forRoot(config, modules));
}

/** The application of a root module, for callers that bring their own broker. */
export async function create(config: Config, root: DynamicModule): Promise<NestFastifyApplication> {
  const headers = securityHeaders();
  const fastify = new FastifyAdapter({
    serverFactory: (listener: RequestListener) => createHttpServer(config, listener, isWebSocketUpgrade),
    // Our server has its own.
    clientErrorHandler: () => undefined,
    frameworkErrors: refuseRequestTarget(headers),
    // Requests that arrive while the server closes are answered as usual, and close their connection.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
  });
  const app = await NestFactory.create<NestFastifyApplication>(root, fastify, {
    bufferLogs: true,
    abortOnError: false,
  });
  const log = await useLog(app, config);
  app.useWebSocketAdapter(new HoldfastWsAdapter(app));
  const keys = new ApiKeyGuard(config);
  const unproven = new UnauthenticatedRequests(
    (request) => keys.accepts(request),
    app.get(PendingSockets),
    app.get(Metrics),
  );
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (_request, reply, done) => {
      reply.headers(headers);
      done();
    })
    .addHook('onRequest', refuseSmuggling)
    .addHook('onRequest', unproven.take)
    .addHook('onResponse', requestLog(log));
  return app;
}

/** Listens on the configured ports, and reports ready. */
export async function startApp(app: NestFastifyApplication, config: Config): Promise<void> {
  app.get(Metrics).collectProcess();
  await app.get(ManagementServer).listen();
  await app.listen(config.port, anyAddress());
  const lifecycle = app.get(Lifecycle);
  // A stop may have been requested meanwhile.
  if (lifecycle.stage === 'starting') lifecycle.stage = 'ready';
}

/** All addresses, including IPv6 if this machine has any. */
function anyAddress(): string {
  const addresses = Object.values(networkInterfaces()).flat();
  return addresses.some((address) => address?.family === 'IPv6') ? '::' : '0.0.0.0';
}
