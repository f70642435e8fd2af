import type { FastifyReply, FastifyRequest } from 'fastify';
import { Logger, type Params } from 'nestjs-pino';
import type { Logger as PinoLogger } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from '../config/index.js';

/** Where a path ends, plain or percent-encoded. What follows may hold a secret under any name. */
const PATH_END = /[?;#&=]|%(?:3f|3b|23|26|3d)/i;

/** The longest path segment that is logged if no route matches. Tokens are longer. */
const MAX_SEGMENT = 24;

/**
 * The path of a request as it may be logged: without query, parameters and fragment.
 *
 * @param isKnown whether a route matches. If not, any segment may be a secret in the wrong place.
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

/** JSON in production, human-readable in development. No header is logged, since several may carry a token. */
export function logOptions({ log, mode }: Config): Params {
  return {
    pinoHttp: [
      // Those of pino-http expect Node's own request and response.
      { level: log.level, wrapSerializers: false, serializers: { req: asGiven, res: asGiven } },
      mode === 'development' ? pretty({ singleLine: true, ignore: 'pid,hostname' }) : process.stdout,
    ],
    // `requestLog` does this: a child logger for each request would cost more than most requests do.
    forRoutes: [],
  };
}

/**
 * Statuses that mean that something shared (the broker, a webhook, this pod) is unavailable. That is logged once per
 * outage and not per request.
 */
const OUTAGES: ReadonlySet<number> = new Set([503, 504]);

/** A Fastify `onResponse` hook that logs each request with its `responseTime` in ms. */
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

/** What Nest logs while it starts: for debugging only. */
const STARTING = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'WebSocketsController']);

/** Nest's logger on pino, with the startup lines at level debug. */
export class AppLogger extends Logger {
  override log(message: unknown, ...params: unknown[]): void {
    if (STARTING.has(String(params.at(-1)))) super.debug(message, ...params);
    else super.log(message, ...params);
  }
}
