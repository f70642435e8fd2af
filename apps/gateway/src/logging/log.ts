import type { FastifyReply, FastifyRequest } from 'fastify';
import { Logger, type Params } from 'nestjs-pino';
import type { Logger as PinoLogger } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from '../config/index.js';

/** Where a path ends, plain or encoded: what is behind it may hold a secret under any name. */
const PATH_END = /[?;#&=]|%(?:3f|3b|23|26|3d)/i;

/** The longest part of a path that is shown if no route is known: tokens are longer. */
const MAX_SEGMENT = 24;

/**
 * The path of a request as a log may show it, without its query, parameters and fragment.
 *
 * @param isKnown whether a route answers it. If none does, any part of it may be a secret that was put in the wrong place.
 */
export function pathForLog(url: string, isKnown: boolean): string {
  const [path = ''] = url.split(PATH_END, 1);
  if (isKnown) return path;
  return path
    .split('/')
    .map((segment) => (segment.length > MAX_SEGMENT ? '…' : segment))
    .join('/');
}

const asGiven = <T>(value: T): T => value;

/** JSON in production, for people in development. No header is logged: several of them may hold a token. */
export function logOptions({ log, mode }: Config): Params {
  return {
    pinoHttp: [
      // Those of pino-http expect Node's own request and response.
      { level: log.level, wrapSerializers: false, serializers: { req: asGiven, res: asGiven } },
      mode === 'development' ? pretty({ singleLine: true, ignore: 'pid,hostname' }) : process.stdout,
    ],
    // See `requestLog`: a logger of its own for each request would cost more than most requests.
    forRoutes: [],
  };
}

/** What says that something shared (the broker, a webhook, this pod) cannot be used now: that is logged once, not per request. */
const OUTAGES: ReadonlySet<number> = new Set([503, 504]);

/** A hook `onResponse` of Fastify that logs each request, with the `responseTime` in ms. */
export function requestLog(logger: PinoLogger) {
  return (
    { method, url, routeOptions }: FastifyRequest,
    { statusCode, elapsedTime }: FastifyReply,
    done: () => void,
  ): void => {
    const level = statusCode >= 500 && !OUTAGES.has(statusCode) ? 'warn' : 'debug';
    if (logger.isLevelEnabled(level)) {
      const req = { method, url: pathForLog(url, routeOptions.url !== undefined) };
      logger[level]({ req, res: { statusCode }, responseTime: Math.round(elapsedTime) }, 'request completed');
    }
    done();
  };
}

/** What Nest says of itself while it starts: for debugging only. */
const STARTING = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'WebSocketsController']);

/** Nest's logger on pino, without the lines that tell each start the same. */
export class AppLogger extends Logger {
  override log(message: unknown, ...params: unknown[]): void {
    if (STARTING.has(String(params.at(-1)))) super.debug(message, ...params);
    else super.log(message, ...params);
  }
}
