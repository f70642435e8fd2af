import { REPLICATION_ID, Script } from './script.js';

/**
 * Writes with the commands and rights that a publish needs, and publishes a message. KEYS: a hash and a stream that only this pod
 * uses. ARGV: PUBLISH or SPUBLISH; the pub/sub channel; the message; the ttl. Returns the replication id.
 */
export const PROBE = new Script(
  REPLICATION_ID,
  `
local command, pubSubChannel, message, ttl = unpack(ARGV)
local id = replicationId()
redis.call('HSET', KEYS[1], 'n', message)
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('XADD', KEYS[2], 'MAXLEN', 1, '*', 'p', message)
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call(command, pubSubChannel, message)
return id
`,
);
