import type { AddressInfo } from 'node:net';
import type { Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { createApp, startApp } from '../../src/app.js';
import { loadConfig, type Config } from '../../src/config/index.js';
import { readTextFile } from '../../src/config/read-file.js';
import { ManagementServer } from '../../src/http/management-server.js';
import { TestClient } from './test-client.js';

export const JWT_SECRET = 'a-secret-of-the-tests-of-32-bytes-or-more';
export const API_KEY = 'an-api-key-of-the-tests';

/** The path of the test's configuration file, which exists only in memory. */
const CONFIG_FILE = 'test.yaml';

/** A complete gateway in this process, on its own ports. */
export interface TestGateway {
  readonly app: NestFastifyApplication;
  readonly config: Config;
  readonly port: number;
  readonly url: string;
  readonly webSocketUrl: string;
  readonly managementUrl: string;
  /** Opens a WebSocket and waits for its first frame. */
  connect(query?: string): Promise<TestClient>;
  close(): Promise<void>;
}

/** CI machines stall now and then; tests of overload override this. */
const NEVER_OVERLOADED = { overload: { maxEventLoopDelay: 60, maxMemory: 1 } };

/** @param file the content of the configuration file. */
export function testConfig(file: object = {}, env: NodeJS.ProcessEnv = {}): Config {
  return loadConfig(
    {
      NODE_ENV: 'development',
      HOLDFAST_CONFIG: CONFIG_FILE,
      HOLDFAST_PORT: '0',
      HOLDFAST_MANAGEMENT_PORT: '0',
      HOLDFAST_NODE: 'test-node',
      HOLDFAST_JWT_SECRET: JWT_SECRET,
      HOLDFAST_ANONYMOUS: 'true',
      HOLDFAST_API_KEYS: API_KEY,
      HOLDFAST_LOG_LEVEL: process.env['LOG'] ?? 'silent',
      HOLDFAST_DEMO: 'false',
      HOLDFAST_SETTLE_SECONDS: '0',
      HOLDFAST_DRAIN_SECONDS: '0',
      ...env,
    },
    (path) => (path === CONFIG_FILE ? stringify({ ...NEVER_OVERLOADED, ...file }) : readTextFile(path)),
  );
}

/**
 * Starts a gateway that is closed when the test ends.
 *
 * @param modules additional modules, as a user of the code would add them.
 */
export async function startGateway(
  file: object = {},
  env: NodeJS.ProcessEnv = {},
  ...modules: readonly Type[]
): Promise<TestGateway> {
  const config = testConfig(file, env);
  return runGateway(await createApp(config, ...modules), config);
}

/** Starts an application that is closed when the test ends. */
export async function runGateway(app: NestFastifyApplication, config: Config): Promise<TestGateway> {
  await startApp(app, config);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= app.close());
  const clients: TestClient[] = [];
  const { port } = app.getHttpServer().address() as AddressInfo;
  const gateway: TestGateway = {
    app,
    config,
    port,
    url: `http://127.0.0.1:${port}`,
    webSocketUrl: `ws://127.0.0.1:${port}/ws`,
    managementUrl: `http://127.0.0.1:${app.get(ManagementServer).port}`,
    async connect(query = '') {
      const client = await TestClient.connect(`${this.webSocketUrl}${query}`);
      clients.push(client);
      return client;
    },
    close,
  };
  onTestFinished(async () => {
    for (const client of clients) client.webSocket.terminate();
    await close();
  });
  return gateway;
}
