import { mkdir, writeFile } from 'node:fs/promises';
import { offeringCompression } from '../../load/compression.ts';
import { holdfastDialect } from '../../load/dialects/holdfast.ts';
import { countOffsets, publication } from '../../load/http-api.ts';
import { API_KEY, JWT_SECRET } from '../../load/tokens.ts';
import { CACHE, repositoryPath } from '../paths.ts';
import type { Launch, Server, StartOptions } from '../server.ts';

/** A rate that no case reaches. It is still counted. */
const UNREACHED = { burst: 1_000_000_000, perSecond: 1_000_000_000 };

/**
 * Limits are raised where one client or backend of the benchmark acts for thousands. Everything else is the
 * default: history, positions, heartbeats, metrics, logs.
 */
export const CONFIG = {
  limits: {
    connectionRate: { perPod: UNREACHED },
    frames: UNREACHED,
    bytes: UNREACHED,
    userFrames: UNREACHED,
    userBytes: UNREACHED,
    publishes: UNREACHED,
    publishedBytes: UNREACHED,
    newChannels: UNREACHED,
    readBytes: UNREACHED,
    presenceChanges: UNREACHED,
    apiRequests: UNREACHED,
  },
  // It is saturated on purpose, and must not ask clients to leave.
  overload: { maxEventLoopDelay: 60 },
};

export const holdfast: Server = {
  name: 'holdfast',
  title: 'Holdfast',
  dialect: holdfastDialect,
  api: {
    headers: { Authorization: `Bearer ${API_KEY}` },
    publish: { path: '/api/publish', body: publication },
    batch: {
      path: '/api/batch',
      body: (channels, data) =>
        `{"publications":[${channels.map((channel, index) => publication(channel, data[index] ?? '')).join(',')}]}`,
    },
    stored: countOffsets,
  },
  launch: (options) => launch('holdfast', CONFIG, options),
};

/** All messages that are not tiny are compressed. */
export const holdfastCompressing: Server = {
  ...holdfast,
  name: 'holdfast-compressing',
  title: 'Holdfast, compressing',
  dialect: offeringCompression(holdfastDialect),
  launch: (options) => launch('holdfast-compressing', { ...CONFIG, namespaceDefaults: { compressFrom: 100 } }, options),
};

async function launch(name: string, config: object, { port, broker, profiles }: StartOptions): Promise<Launch> {
  await mkdir(CACHE, { recursive: true });
  const file = `${CACHE}/${name}.json`;
  await writeFile(file, JSON.stringify(config));
  return {
    command: process.execPath,
    args: [
      // Like the image.
      '--no-concurrent-marking',
      ...(profiles === undefined ? [] : ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${profiles}`]),
      repositoryPath('apps/gateway/dist/main.js'),
    ],
    env: {
      HOLDFAST_CONFIG: file,
      HOLDFAST_PORT: String(port),
      HOLDFAST_MANAGEMENT_PORT: '0',
      HOLDFAST_BROKER: broker ?? 'memory:',
      HOLDFAST_JWT_SECRET: JWT_SECRET,
      HOLDFAST_API_KEYS: API_KEY,
    },
  };
}
