import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { BrokerUrlError, brokerUrlProblem } from '@holdfast/broadcast';
import type { DynamicModule, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp, startApp } from './app.js';
import { ConfigError, EX_CONFIG, loadConfig, tellsUsersApart, watchSecrets, type Config } from './config/index.js';
import { stopOnUncaught } from './lifecycle/uncaught-errors.js';
import { EventLog } from './logging/event-log.js';
import { warmUp } from './warm-up.js';

/** The signals by which a process manager or a terminal ends a process. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

/** How long a stop may take in addition to the settle and drain times, in ms. */
const STOPPED_WITHIN_MS = 20_000;

/** The consequence of a secret file that is now empty. */
const CLOSED_BY: Readonly<Record<string, string>> = {
  HOLDFAST_API_KEYS_FILE: 'the HTTP API is closed',
  HOLDFAST_ADMIN_KEYS_FILE: 'the admin API and the operations page are off',
  HOLDFAST_JWT_SECRET_FILE: 'tokens signed with a secret are no longer valid',
  HOLDFAST_JWT_PUBLIC_KEY_FILE: 'tokens signed with a private key are no longer valid',
};

async function start(modules: readonly (Type | DynamicModule)[]): Promise<void> {
  const stopping = new Stopping();
  const config = loadConfig(process.env);
  const isDevelopment = config.mode === 'development';
  const generatedKey = isDevelopment ? generateSecrets(config) : undefined;
  const warmedUp = isDevelopment ? undefined : await warmUp();
  const app = await createApp(config, ...modules);
  stopping.take(app, config);
  await startApp(app, config);
  const log = app.get(EventLog);
  if (warmedUp !== undefined) {
    if ('err' in warmedUp) log.write('gateway.warm_up_failed', warmedUp);
    else log.write('gateway.warmed_up', warmedUp);
  }
  watchSecrets(config, (change) => {
    const { variable } = change;
    const problem = change.problem ?? brokerProblem(config, variable);
    if (problem !== undefined) log.write('secret.refused', { variable, problem });
    else if (change.isEmpty === true)
      log.write('secret.emptied', { variable, consequence: CLOSED_BY[variable] ?? 'it counts as unset' });
    else log.write('secret.reloaded', { variable });
  });
  const { port } = app.getHttpServer().address() as AddressInfo;
  log.write('gateway.listening', { url: `http://localhost:${port}` });
  const { anonymous } = config.auth;
  if (anonymous) log.write('gateway.anonymous_access');
  else if (!tellsUsersApart(config)) log.write('gateway.nobody_can_connect');
  // The only key that is ever printed: it was generated for this process, on a developer's machine.
  if (generatedKey !== undefined) log.write('gateway.development_key', { key: generatedKey });
}

/** When a broker URL is read again, only its credentials and certificates are used. */
function brokerProblem({ broker }: Config, variable: string): string | undefined {
  if (!variable.startsWith('HOLDFAST_BROKER')) return undefined;
  const problem = brokerUrlProblem(broker.current);
  return problem === undefined ? undefined : `${variable}: ${problem}; the previous URL stays in use`;
}

/**
 * Generates secrets that development needs and nobody configured: there is never a fixed default.
 *
 * @returns the API key, if one was generated.
 */
function generateSecrets(config: Config): string | undefined {
  const { auth, apiKeys } = config;
  if (!tellsUsersApart(config)) auth.jwt.secrets.replace([randomBytes(32).toString('base64url')]);
  if (apiKeys.current.length > 0) return undefined;
  const key = randomBytes(24).toString('base64url');
  apiKeys.replace([key]);
  return key;
}

/** How the process ends, whatever the reason. */
class Stopping {
  private app: NestFastifyApplication | undefined;
  private deadline = 0;
  private code = 0;
  private hasBegun = false;

  /** From now on the first signal stops the process, and the second one ends it at once. */
  constructor() {
    stopOnUncaught(() => {
      this.code = 1;
      this.begin();
    });
    let signals = 0;
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        signals += 1;
        if (signals > 1) process.exit(1);
        this.begin();
      });
    }
  }

  /** From now on to stop means to drain. */
  take(app: NestFastifyApplication, { drain }: Config): void {
    this.app = app;
    this.deadline = drain.settle + drain.window + STOPPED_WITHIN_MS;
  }

  private begin(): void {
    const { app } = this;
    if (app === undefined) process.exit(this.code);
    if (this.hasBegun) return;
    this.hasBegun = true;
    setTimeout(() => process.exit(1), this.deadline).unref();
    const log = app.get(EventLog);
    app.close().then(
      () => {
        log.write('gateway.stopped');
        process.exit(this.code);
      },
      (error: unknown) => {
        log.write('gateway.stop_failed', { err: error });
        process.exit(1);
      },
    );
  }
}

/**
 * Runs the gateway as the image does: with the configuration of the environment, until a signal ends it.
 *
 * @param modules your own Nest modules, as {@link createApp} takes them.
 */
export async function run(...modules: readonly (Type | DynamicModule)[]): Promise<void> {
  try {
    await start(modules);
  } catch (error) {
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
  }
}

/** An error of the system (a port in use, for example) needs no stack trace. Our own does. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE')
    return `${error.message}; stop what listens there, or set HOLDFAST_PORT and HOLDFAST_MANAGEMENT_PORT to free ports`;
  return 'syscall' in error ? error.message : (error.stack ?? error.message);
}
