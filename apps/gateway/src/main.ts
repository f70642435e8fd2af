#!/usr/bin/env node
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { BrokerUrlError, brokerUrlProblem } from '@holdfast/broadcast';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger } from 'nestjs-pino';
import { createApp, startApp } from './app.js';
import { ConfigError, EX_CONFIG, loadConfig, tellsUsersApart, watchSecrets, type Config } from './config/index.js';
import { stopOnUncaught } from './lifecycle/last-resort.js';

/** What a process manager or a terminal asks a process to end with. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

/** How long a stop may take beyond its settle and drain times, in ms. */
const STOPPED_WITHIN_MS = 20_000;

/** What it means that a file of secrets holds none any more. */
const CLOSED_BY: Readonly<Record<string, string>> = {
  HOLDFAST_API_KEYS_FILE: 'the HTTP API is closed',
  HOLDFAST_JWT_SECRET_FILE: 'no token is valid that was signed with a secret',
  HOLDFAST_JWT_PUBLIC_KEY_FILE: 'no token is valid that was signed with a private key',
};

async function main(): Promise<void> {
  const stopping = new Stopping();
  const config = loadConfig(process.env);
  const generatedKey = config.mode === 'development' ? generateSecrets(config) : undefined;
  const app = await createApp(config);
  stopping.take(app, config);
  await startApp(app, config);
  const logger = app.get(Logger);
  watchSecrets(config, (change) => {
    const { variable } = change;
    const problem = change.problem ?? brokerProblem(config, variable);
    if (problem !== undefined) logger.error(problem);
    else if (change.isEmpty === true)
      logger.warn(`${variable} is empty now: ${CLOSED_BY[variable] ?? 'it counts as unset'}`);
    else logger.log(`${variable} was read again`);
  });
  const { port } = app.getHttpServer().address() as AddressInfo;
  logger.log(`listening on http://localhost:${port}`);
  const { anonymous } = config.auth;
  if (anonymous) logger.warn('anonymous access is on: clients without a token may connect');
  else if (!tellsUsersApart(config)) {
    logger.warn(
      'nobody can connect: set HOLDFAST_JWT_SECRET, HOLDFAST_JWT_PUBLIC_KEY or HOLDFAST_JWKS_URL, or HOLDFAST_ANONYMOUS=true',
    );
  }
  // The one key that is printed: it was made for this process, on a developer's machine.
  if (generatedKey !== undefined) logger.log(`API key of this run: ${generatedKey}`);
}

/** Of a broker URL that was read again, only credentials and certificates are taken. */
function brokerProblem({ broker }: Config, variable: string): string | undefined {
  if (!variable.startsWith('HOLDFAST_BROKER')) return undefined;
  const problem = brokerUrlProblem(broker.current);
  return problem === undefined ? undefined : `${variable}: ${problem}; the former one stays in use`;
}

/**
 * What development needs and nobody configured: never a fixed default.
 *
 * @returns the API key, where one was made.
 */
function generateSecrets(config: Config): string | undefined {
  const { auth, apiKeys } = config;
  if (!tellsUsersApart(config)) auth.jwt.secrets.replace([randomBytes(32).toString('base64url')]);
  if (apiKeys.current.length > 0) return undefined;
  const key = randomBytes(24).toString('base64url');
  apiKeys.replace([key]);
  return key;
}

/** How the process ends, whatever has it end. */
class Stopping {
  private app: NestFastifyApplication | undefined;
  private deadline = 0;
  private code = 0;
  private hasBegun = false;

  constructor() {
    stopOnUncaught(() => {
      this.code = 1;
      this.begin();
    });
  }

  /** From now on the first signal drains, and the second one ends the process at once. */
  take(app: NestFastifyApplication, { drain }: Config): void {
    this.app = app;
    this.deadline = drain.settle + drain.window + STOPPED_WITHIN_MS;
    let signals = 0;
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        signals += 1;
        if (signals > 1) process.exit(1);
        this.begin();
      });
    }
  }

  private begin(): void {
    const { app } = this;
    if (app === undefined) process.exit(1);
    if (this.hasBegun) return;
    this.hasBegun = true;
    setTimeout(() => process.exit(1), this.deadline).unref();
    app.close().then(
      () => process.exit(this.code),
      (error: unknown) => {
        app.get(Logger).error(error, 'stopping failed');
        process.exit(1);
      },
    );
  }
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.problems.map((problem) => `holdfast: ${problem}`).join('\n')}\n`);
    process.exit(EX_CONFIG);
  }
  if (error instanceof BrokerUrlError) {
    process.stderr.write(`holdfast: HOLDFAST_BROKER: ${error.message}\n`);
    process.exit(EX_CONFIG);
  }
  process.stderr.write(`holdfast: ${describe(error)}\n`);
  process.exit(1);
});

/** What the system refused (a port that is in use, say) needs no stack; an error of ours does. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'syscall' in error ? error.message : (error.stack ?? error.message);
}
