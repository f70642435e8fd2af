import type { IncomingMessage } from 'node:http';
import { Logger, type Params } from 'nestjs-pino';
import pretty from 'pino-pretty';
import type { Config } from './config/index.js';

/** Query parameters that hold a secret; a URL in a log shows that they were there, and no more. */
const SECRET_PARAMETERS = /([?&](?:access_token|session)=)[^&#]*/gi;

export function withoutSecrets(url: string): string {
  return url.replace(SECRET_PARAMETERS, '$1[redacted]');
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
