import type { INestApplication } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Logger, PinoLogger, type Params } from 'nestjs-pino';
import pretty from 'pino-pretty';
import type { Config } from '../config/index.js';
import { EventLog } from './event-log.js';
import type { EventName } from './events.js';

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

/** Whether nothing is logged. */
export function isSilent({ log }: Pick<Config, 'log'>): boolean {
  return log.level === 'silent';
}

const asGiven = <T>(value: T): T => value;

/** The event of lines that {@link EventLog} did not write. */
const NEST_LINE: EventName = 'nest.line';

/** JSON in production, human-readable in development. No header is logged, since several may carry a token. */
export function logOptions({ log, mode }: Config): Params {
  return {
    pinoHttp: [
      // Those of pino-http expect Node's own request and response.
      {
        level: log.level,
        wrapSerializers: false,
        serializers: { req: asGiven, res: asGiven },
        // A line's own event takes precedence.
        mixin: () => ({ event: NEST_LINE }),
      },
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
export function requestLog(log: EventLog) {
  return (
    { method, url, routeOptions }: FastifyRequest,
    { statusCode, elapsedTime }: FastifyReply,
    done: () => void,
  ): void => {
    const isError = statusCode >= 500 && !OUTAGES.has(statusCode);
    const event = isError ? 'http.answered_with_error' : 'http.answered';
    if (log.writes(event)) {
      const req = { method, url: pathForLog(url, routeOptions.url !== undefined) };
      log.write(event, { req, res: { statusCode }, responseTime: Math.round(elapsedTime) });
    }
    done();
  };
}

/** What Nest logs while it starts: for debugging only. */
const STARTING = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'WebSocketsController']);

/** Nest's logger on pino, with the startup lines at level debug. */
class AppLogger extends Logger {
  override log(message: unknown, ...params: unknown[]): void {
    if (STARTING.has(String(params.at(-1)))) super.debug(message, ...params);
    else super.log(message, ...params);
  }
}

/**
 * Makes an application log to the log of its configuration.
 *
 * @returns the log.
 */
export async function useLog(app: INestApplication, config: Config): Promise<EventLog> {
  app.useLogger(isSilent(config) ? false : new AppLogger(await app.resolve(PinoLogger), {}));
  return app.get(EventLog);
}
