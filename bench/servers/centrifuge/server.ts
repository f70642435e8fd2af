import { offeringCompression } from '../../load/compression.ts';
import { centrifugeDialect } from '../../load/dialects/centrifuge.ts';
import { countOffsets, publication } from '../../load/http-api.ts';
import { API_KEY, JWT_SECRET } from '../../load/tokens.ts';
import { build } from '../build.ts';
import { CACHE, repositoryPath } from '../paths.ts';
import type { Server } from '../server.ts';

const PROGRAM = `${CACHE}/centrifuge`;

export const centrifuge: Server = {
  name: 'centrifuge',
  title: 'Centrifuge',
  dialect: centrifugeDialect,
  api: {
    headers: { 'X-API-Key': API_KEY },
    publish: { path: '/api/publish', body: publication },
    batch: {
      path: '/api/batch',
      body: (channels, data) =>
        `{"commands":[${channels.map((channel, index) => `{"publish":${publication(channel, data[index] ?? '')}}`).join(',')}]}`,
    },
    stored: countOffsets,
  },
  prepare: () => build('go', ['build', '-p', '1', '-o', PROGRAM, '.'], repositoryPath('bench/servers/centrifuge')),
  launch: () => ({ command: PROGRAM, args: [], env: { BENCH_JWT_SECRET: JWT_SECRET, BENCH_API_KEY: API_KEY } }),
};

/** With its own option for merging writes, which is off by default. */
export const centrifugeMerging: Server = {
  ...centrifuge,
  name: 'centrifuge-merging',
  title: 'Centrifuge, writes merged',
  launch: async (options) => {
    const { env, ...launch } = await centrifuge.launch(options);
    return { ...launch, env: { ...env, BENCH_WRITE_DELAY: '5ms' } };
  },
};

/** With permessage-deflate, and its option that compresses a message once; both are off by default. */
export const centrifugeCompressing: Server = {
  ...centrifuge,
  name: 'centrifuge-compressing',
  title: 'Centrifuge, compressing',
  dialect: offeringCompression(centrifugeDialect),
  launch: async (options) => {
    const { env, ...launch } = await centrifuge.launch(options);
    return { ...launch, env: { ...env, BENCH_COMPRESS_FROM: '100' } };
  },
};
