import { mkdir, writeFile } from 'node:fs/promises';
import type { ClusterSetUp, RedisServer } from '../../libs/broadcast/test/support/redis-servers.js';
import { support } from '../brokers/servers.ts';
import { CONFIG, holdfast } from '../servers/holdfast/server.ts';
import { CACHE } from '../servers/paths.ts';
import type { Server } from '../servers/server.ts';

/** The namespace of channels with presence. */
export const MEMBERS = 'members';

export interface RedisServers {
  readonly title: string;
  readonly url: string;
  /** The primaries. */
  readonly servers: readonly Pick<RedisServer, 'pid' | 'admin'>[];
  close(): Promise<void>;
}

export async function oneServer(): Promise<RedisServers> {
  const { RedisServer: Server } = await support<{ RedisServer: typeof RedisServer }>('redis-servers');
  const server = await Server.start();
  return { title: 'one server', url: server.url, servers: [server], close: async () => server.close() };
}

/** Three primaries, each with a replica. */
export async function threeShards(): Promise<RedisServers> {
  const { ClusterSetUp: SetUp } = await support<{ ClusterSetUp: typeof ClusterSetUp }>('redis-servers');
  const setUp = await SetUp.start();
  const servers = setUp.servers.slice(0, 3);
  return { title: 'Cluster of three', url: setUp.url(), servers, close: async () => setUp.close() };
}

/** Holdfast as it is compared with its peers, with a namespace for presence. */
export const pod: Server = {
  ...holdfast,
  async launch(options) {
    const { command, args, env } = await holdfast.launch(options);
    await mkdir(CACHE, { recursive: true });
    const file = `${CACHE}/redis-pods.json`;
    await writeFile(file, JSON.stringify({ ...CONFIG, namespaces: { [MEMBERS]: { presence: true } } }));
    return { command, args, env: { ...env, HOLDFAST_CONFIG: file } };
  },
};
