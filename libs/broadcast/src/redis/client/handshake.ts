import { BrokerUnavailableError } from '../../errors.js';
import type { Connection } from './connection.js';
import { RedisReplyError } from './errors.js';
import { SCRIPTS } from '../scripts/index.js';

const TIMEOUT = 2_000;
/** The first version with sharded pub/sub, and with scripts whose errors keep their own code. */
const OLDEST_MAJOR = 7;

/** What a server says about itself. */
export interface ServerTraits {
  /** It changes if data may have been lost. */
  readonly replicationId: string;
  /** By which it removes keys once its memory is full, such as `allkeys-lru`; undefined if it removes none. */
  readonly evictionPolicy: string | undefined;
}

/**
 * Checks that the server can be used, and loads the scripts.
 *
 * @throws BrokerUnavailableError with the reason why it cannot be used.
 */
export async function handshake(connection: Connection, clustered: boolean): Promise<ServerTraits> {
  try {
    // One by one: before 7.0 INFO takes a single section.
    const sections = ['server', 'replication', 'persistence', 'cluster', 'memory'];
    const [hello, ...texts] = await Promise.all([
      connection.send(TIMEOUT, 'hello'),
      ...sections.map(async (section) => connection.send(TIMEOUT, 'info', section)),
    ]);
    const info = parseInfo(texts.join('\r\n'));
    const problem = incompatibility(info, clustered);
    if (problem !== undefined) throw new BrokerUnavailableError(problem);
    // A proxy may support less than the server behind it.
    if (!Array.isArray(hello) || hello[hello.indexOf('proto') + 1] !== 3) {
      throw new BrokerUnavailableError('the server does not speak RESP3');
    }
    await Promise.all(Object.values(SCRIPTS).map(async ({ body }) => connection.send(TIMEOUT, 'script', 'load', body)));
    return { replicationId: info.get('master_replid') ?? '', evictionPolicy: evictionPolicy(info) };
  } catch (error) {
    connection.close();
    if (error instanceof BrokerUnavailableError || error instanceof RedisReplyError) {
      throw new BrokerUnavailableError(`${connection.name}: ${error.message}`);
    }
    throw new BrokerUnavailableError(`${connection.name}: no answer in time`);
  }
}

export function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = text.split('\r\n').map((line) => line.split(':', 2));
  return new Map(fields.flatMap(([name, value]) => (name && value !== undefined ? [[name, value] as const] : [])));
}

/** The policy by which a server with this INFO removes keys; undefined if it removes none. */
export function evictionPolicy(info: ReadonlyMap<string, string>): string | undefined {
  const policy = info.get('maxmemory_policy');
  // Without a limit nothing is ever removed.
  return policy === 'noeviction' || (info.get('maxmemory') ?? '0') === '0' ? undefined : policy;
}

/** Why a server with this INFO cannot be used; undefined if it can. */
export function incompatibility(info: ReadonlyMap<string, string>, clustered: boolean): string | undefined {
  const version = info.get('redis_version') ?? 'unknown';
  if (!(Number.parseInt(version, 10) >= OLDEST_MAJOR)) return `Redis 7.0 or later is required, this is ${version}`;
  if (info.get('loading') === '1') return 'the server is loading its data';
  if ((info.get('cluster_enabled') === '1') !== clustered) {
    return clustered
      ? 'the server is not a node of a cluster'
      : 'the server is a node of a cluster: use redis+cluster://';
  }
  if (info.get('role') !== 'master') return 'the server is a replica';
  return undefined;
}
