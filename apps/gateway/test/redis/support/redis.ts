import { onTestFinished } from 'vitest';
import { RedisServer } from '../../../../../libs/broadcast/test/support/redis-servers.js';

/** A Redis server that stops when the test ends. */
export async function startRedis(lines: readonly string[] = []): Promise<RedisServer> {
  const redis = await RedisServer.start(lines);
  onTestFinished(() => redis.close());
  return redis;
}
