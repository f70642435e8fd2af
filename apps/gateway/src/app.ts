import 'reflect-metadata';
import type { RequestListener } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { PinoLogger } from 'nestjs-pino';
import { refuseAmbiguous, refuseRequestTarget } from './http/framework-errors.js';
import { securityHeaders } from './http/security-headers.js';
import { AppModule } from './app.module.js';
import { ApiKeyGuard } from './auth/index.js';
import type { Config } from './config/index.js';
import { HoldfastWsAdapter } from './gateway/holdfast-ws.adapter.js';
import { isWebSocketUpgrade } from './upgrade/upgrades.js';
import { AppLogger, requestLog } from './logging/log.js';
import { Lifecycle } from './lifecycle/lifecycle.js';
import { createHttpServer } from './http/http-server.js';
import { PendingSockets } from './http/pending-sockets.js';
import { UnprovenRequests } from './http/unauthenticated-requests.js';
import { Metrics } from './metrics/metrics.js';

/** A user id in a path, which is longer than a channel name may be, so that a refusal can say what is wrong with it. */
const MAX_PARAM_LENGTH = 765;

/**
 * The whole application, not listening yet.
 *
 * @param modules Nest modules of your own. A `@WebSocketGateway()` class among their providers adds its
 *   `@SubscribeMessage` events to the protocol's: a request is answered by what its handler returns (a value, Promise or
 *   Observable, whose last value counts), by `refused` where it throws a WsException, by `forbidden` where a guard
 *   refuses it, and by `internal` for anything else. `@ConnectedSocket()` is a Connection.
 */
export async function createApp(
  config: Config,
  ...modules: readonly (Type | DynamicModule)[]
): Promise<NestFastifyApplication> {
  return create(config, AppModule.forRoot(config, modules));
}

/** The application of a root module: for those who bring a broker of their own. */
export async function create(config: Config, root: DynamicModule): Promise<NestFastifyApplication> {
  const headers = securityHeaders();
  const fastify = new FastifyAdapter({
    serverFactory: (listener: RequestListener) => createHttpServer(config, listener, isWebSocketUpgrade),
    // Our server has one of its own.
    clientErrorHandler: () => undefined,
    frameworkErrors: refuseRequestTarget(headers),
    // What comes while the server closes is answered as ever, and ends its connection.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
  });
  const app = await NestFactory.create<NestFastifyApplication>(root, fastify, {
    bufferLogs: true,
    abortOnError: false,
  });
  const logger: PinoLogger = await app.resolve(PinoLogger);
  app.useLogger(new AppLogger(logger, {}));
  app.useWebSocketAdapter(new HoldfastWsAdapter(app));
  const keys = new ApiKeyGuard(config);
  const unproven = new UnprovenRequests((request) => keys.accepts(request), app.get(PendingSockets), app.get(Metrics));
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (_request, reply, done) => {
      reply.headers(headers);
      done();
    })
    .addHook('onRequest', refuseAmbiguous)
    .addHook('onRequest', unproven.take)
    .addHook('onResponse', requestLog(logger.logger));
  return app;
}

/** Listens on the configured port, and says that it is ready. */
export async function startApp(app: NestFastifyApplication, config: Config): Promise<void> {
  await app.listen(config.port, anyAddress());
  const lifecycle = app.get(Lifecycle);
  // It may have been told to stop meanwhile.
  if (lifecycle.stage === 'starting') lifecycle.stage = 'ready';
}

/** All addresses, of IPv6 too where this machine has any. */
function anyAddress(): string {
  const addresses = Object.values(networkInterfaces()).flat();
  return addresses.some((address) => address?.family === 'IPv6') ? '::' : '0.0.0.0';
}
