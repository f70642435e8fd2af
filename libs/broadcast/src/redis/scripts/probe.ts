import { REPLICATION_ID, Script } from './script.js';

/**
 * Writes a little, with the commands and rights that a publish needs, and carries a message. KEYS: a hash and a stream of the
 * pod's own. ARGV: PUBLISH or SPUBLISH; the channel on the server; the message; the ttl. Answers the replication id.
 */
export const PROBE = new Script(
  REPLICATION_ID,
  `
local command, wire, message, ttl = unpack(ARGV)
local id = replicationId()
redis.call('HSET', KEYS[1], 'n', message)
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('XADD', KEYS[2], 'MAXLEN', 1, '*', 'p', message)
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call(command, wire, message)
return id
`,
);
