import type { IncomingMessage } from 'node:http';
import { RequestMethod } from '@nestjs/common';
import { Logger, type Params } from 'nestjs-pino';
import pretty from 'pino-pretty';
import type { Config } from './config/index.js';

/** Query parameters that hold a secret. */
const SECRET_PARAMETERS: ReadonlySet<string> = new Set(['access_token', 'session']);

/** The URL as a log may show it: that a secret was there, and no more, however it was written. */
export function withoutSecrets(url: string): string {
  const query = url.indexOf('?');
  if (query === -1) return url;
  const parameters = new URLSearchParams(url.slice(query));
  for (const name of new Set(parameters.keys())) {
    if (SECRET_PARAMETERS.has(name.toLowerCase())) parameters.set(name, 'redacted');
  }
  return `${url.slice(0, query)}?${parameters.toString()}`;
}

/** JSON in production, for people in development. No header is logged: several of them may hold a token. */
export function logOptions({ log, mode }: Config): Params {
  return {
    pinoHttp: [
      {
        level: log.level,
        serializers: {
          req: ({ method, url }: IncomingMessage) => ({ method, url: withoutSecrets(url ?? '') }),
          res: ({ statusCode }: { statusCode: number }) => ({ statusCode }),
        },
        customLogLevel: (_request, response) => (response.statusCode >= 500 ? 'warn' : 'debug'),
      },
      mode === 'development' ? pretty({ singleLine: true, ignore: 'pid,hostname' }) : process.stdout,
    ],
    // The default of nestjs-pino matches no path under Fastify.
    forRoutes: [{ path: '{*path}', method: RequestMethod.ALL }],
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
