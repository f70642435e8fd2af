import { BrokerUnavailableError } from '../../errors.js';
import type { Connection } from './connection.js';
import { RedisReplyError } from './errors.js';
import { SCRIPTS } from '../scripts/index.js';

const TIMEOUT = 2_000;
/** The first one with sharded publish/subscribe, and whose scripts answer errors under their own code. */
const OLDEST_MAJOR = 7;

/**
 * Makes sure that the server is one to work with, and brings it the scripts. Returns its replication id, which changes
 * where data may have been lost.
 *
 * @throws BrokerUnavailableError which says why it is not.
 */
export async function handshake(connection: Connection, clustered: boolean): Promise<string> {
  try {
    // Each by itself: before 7.0 INFO takes one section only.
    const sections = ['server', 'replication', 'persistence', 'cluster'];
    const [hello, ...texts] = await Promise.all([
      connection.send(TIMEOUT, 'hello'),
      ...sections.map(async (section) => connection.send(TIMEOUT, 'info', section)),
    ]);
    const info = parseInfo(texts.join('\r\n'));
    const problem = incompatibility(info, clustered);
    if (problem !== undefined) throw new BrokerUnavailableError(problem);
    // A proxy in between may speak less than its server.
    if (!Array.isArray(hello) || hello[hello.indexOf('proto') + 1] !== 3) {
      throw new BrokerUnavailableError('the server does not speak RESP3');
    }
    await Promise.all(Object.values(SCRIPTS).map(async ({ body }) => connection.send(TIMEOUT, 'script', 'load', body)));
    return info.get('master_replid') ?? '';
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

/** Why a server with this INFO cannot be used; undefined where it can. */
export function incompatibility(info: ReadonlyMap<string, string>, clustered: boolean): string | undefined {
  const version = info.get('redis_version') ?? 'unknown';
  if (!(Number.parseInt(version, 10) >= OLDEST_MAJOR)) return `Redis 7.0 or later is needed, this is ${version}`;
  if (info.get('loading') === '1') return 'the server is loading its data';
  if ((info.get('cluster_enabled') === '1') !== clustered) {
    return clustered ? 'this is no node of a cluster' : 'this is a node of a cluster: expected redis+cluster://';
  }
  if (info.get('role') !== 'master') return 'the server is a replica';
  return undefined;
}
